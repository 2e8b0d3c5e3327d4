import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { startServer } from '../../src/server/server.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'
import { noTokens } from '../support/no-tokens.ts'
import { openSocket, readAnswer } from '../support/raw.ts'

const endless = {
  next: () => new Promise<never>(() => undefined),
  return: async () => ({ done: true, value: undefined }) as const,
  [Symbol.asyncIterator]() {
    return this
  },
}
/** How long the verb of a running request takes. */
const workMs = 2_000
const tokens: Tokens = {
  ...noTokens,
  authenticate: async () => ({ kind: 'client', clientId: 'a', scopes: ['manage_token'] }),
  watchToken: async () => endless,
  refresh: async () => {
    await sleep(workMs)
    return { outcome: 'refused', reason: 'invalid' }
  },
}

/** What a client has sent when the server stops, and what it sends afterwards. */
interface Client {
  readonly name: string
  readonly send: (socket: Socket) => void
  /** The longest time that the client may hold the stop, 5 s by default. */
  readonly mostMs?: number
  /** Whether the headers arrive whole, so that the server knows of a request. True by default. */
  readonly isRequest?: boolean
  readonly cutOff: number
  readonly answer?: number
}

const head = (path: string, ...fields: readonly string[]) =>
  `${[`POST ${path} HTTP/1.1`, 'Host: a', ...fields].join('\r\n')}\r\n\r\n`
const json = 'Content-Type: application/json'
const form = 'Content-Type: application/x-www-form-urlencoded'
const length = 'Content-Length: 100'
const refresh = JSON.stringify({
  query: 'mutation ($input: RefreshTokenPairInput!) { refreshTokenPair(input: $input) { __typename } }',
  variables: { input: { refreshToken: 'x' } },
})

/** Sends a byte from time to time: the body never arrives whole. */
function trickle(socket: Socket): void {
  const timer = setInterval(() => socket.write(' '), 200)
  socket.once('close', () => clearInterval(timer))
}

const clients: readonly Client[] = [
  { name: 'a connection without a request', send: () => undefined, isRequest: false, cutOff: 0 },
  {
    name: 'an idle connection',
    send: (socket) => socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n'),
    cutOff: 0,
  },
  {
    name: 'half of the headers',
    send: (socket) => socket.write('POST /graphql HTTP/1.1\r\nHost: a\r\nContent'),
    isRequest: false,
    cutOff: 0,
  },
  ...[
    { name: 'GraphQL by the fast path', sent: head('/graphql', json, length) },
    { name: 'GraphQL by the full path', sent: head('/graphql', `${json}; charset=utf-8`, length) },
    { name: 'GraphQL in chunks', sent: `${head('/graphql', json, 'Transfer-Encoding: chunked')}1\r\n{\r\n` },
    { name: 'OAuth', sent: head('/oauth2/revoke', form, length) },
    { name: 'Elasticsearch', sent: head('/_security/oauth2/token', json, length, 'Authorization: Basic YTpi') },
  ].map(({ name, sent }) => ({
    name: `half of a body: ${name}`,
    send: (socket: Socket) => socket.write(`${sent}${sent.includes('chunked') ? '' : '{'}`),
    cutOff: 1,
  })),
  {
    name: 'a slow body by the fast path',
    send: (socket) => {
      socket.write(head('/graphql', json, length))
      trickle(socket)
    },
    cutOff: 1,
  },
  {
    name: 'a slow body by the full path',
    send: (socket) => {
      socket.write(head('/oauth2/revoke', form, length))
      trickle(socket)
    },
    cutOff: 1,
  },
  {
    name: 'a long answer that its client does not read',
    send: (socket) => {
      socket.removeAllListeners('data').pause()
      socket.write('GET /graphql HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n')
    },
    cutOff: 1,
  },
  {
    name: 'an open stream of events',
    send: (socket) => {
      const body = '{"query":"subscription { tokenInvalidated { id } }"}'
      socket.write(`${head('/graphql', json, 'Accept: text/event-stream', `Content-Length: ${body.length}`)}${body}`)
    },
    cutOff: 0,
    answer: 200,
  },
  {
    name: 'a request that runs, which is finished',
    send: (socket) => socket.write(`${head('/graphql', json, `Content-Length: ${refresh.length}`)}${refresh}`),
    mostMs: 8_000,
    cutOff: 0,
    answer: 200,
  },
  {
    name: 'a body whose rest comes in time, which is answered',
    send: (socket) => {
      socket.write(`${head('/graphql', json, 'Content-Length: 26')}{"query":`)
      setTimeout(() => socket.write('"{ __typename }"}'), 1_000)
    },
    cutOff: 0,
    answer: 200,
  },
]

async function start() {
  const reports: ServiceEvent[] = []
  const emit = (event: ServiceEvent) => void reports.push(event)
  let requests = 0
  const admit = () => {
    requests++
    return undefined
  }
  const routes = createRoutes({ tokens, assertReady: async () => undefined, admit, emit })
  const server = await startServer({ routes, port: 0, host: '127.0.0.1', emit })
  return { server, reports, requests: () => requests }
}

describe.concurrent('a stop is not held too long by', () => {
  test.for(clients)('$name', async (client, { expect }) => {
    const { send, mostMs = 5_000, isRequest = true, cutOff, answer } = client
    const { server, reports, requests } = await start()
    const socket = openSocket(server.origin)
    let received = ''
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
    })
    socket.on('error', () => undefined)
    send(socket)
    if (isRequest) await expect.poll(requests).toBe(1)
    await sleep(200)
    const stoppedAt = Date.now()

    await server.stop()

    expect(Date.now() - stoppedAt).toBeLessThan(mostMs)
    const event = { name: 'requests_cut_off', facts: { requests: cutOff } }
    expect(reports).toEqual(cutOff === 0 ? [] : [event])
    if (answer !== undefined) await expect.poll(() => readAnswer(received).status).toBe(answer)
    socket.destroy()
  })
})

test('a request that crosses the close of an idle connection is answered 408, and is not served', async () => {
  const { server, requests } = await start()
  const socket = openSocket(server.origin)
  const health = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'
  socket.write(health)
  await once(socket, 'data')
  let received = ''
  socket.on('data', (bytes) => {
    received += bytes.toString('latin1')
    socket.write(health)
  })

  await server.stop()

  expect(readAnswer(received).status).toBe(408)
  expect(requests()).toBe(1)
  socket.destroy()
})

test('each answer during a stop asks the client to close its connection, and no connection is accepted', async () => {
  const { server } = await start()
  const socket = openSocket(server.origin)
  const health = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'
  socket.write(health)
  await once(socket, 'data')

  const stopping = server.stop()

  const refused = new Promise((resolve) => {
    const attempt = () =>
      openSocket(server.origin)
        .on('error', resolve)
        .on('connect', () => setTimeout(attempt, 20))
    attempt()
  })
  expect(await refused).toMatchObject({ syscall: 'connect' })
  socket.write(health)
  const [answer] = await once(socket, 'data')
  expect(readAnswer(String(answer)).status).toBe(200)
  expect(readAnswer(String(answer)).headers.get('connection')).toBe('close')
  await stopping
})
