import { once } from 'node:events'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import type { RequestContext, RouteHandler } from '../../src/http/request-context.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { deadlines } from '../../src/server/deadlines.ts'
import { type RunningServer, type ServerOptions, startServer } from '../../src/server/server.ts'
import { noTokens } from '../support/no-tokens.ts'
import { openSocket, readAnswer } from '../support/raw.ts'

/** Of two deadlines that could apply, a test shortens one: the other would end it too late. */
const short = 300
const started: RunningServer[] = []
const reports: ServiceEvent[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()))
  reports.length = 0
})

interface Given extends Pick<ServerOptions, 'maxConnections'> {
  readonly changed?: Partial<ServerOptions['deadlines']>
  readonly answer?: RouteHandler
}

async function start({ changed = {}, answer, ...more }: Given = {}): Promise<RunningServer> {
  const emit = (event: ServiceEvent) => void reports.push(event)
  const known = createRoutes({ tokens: noTokens, assertReady: async () => undefined, emit })
  // Every request takes the full path, whose handler a test may replace.
  const fastPath = { ...known.fastPath, accepts: () => false }
  const routes = answer === undefined ? known : { ...known, fastPath, answer }
  const options = { routes, emit, port: 0, host: '127.0.0.1', deadlines: { ...deadlines, ...changed } }
  const server = await startServer({ ...options, ...more })
  started.push(server)
  return server
}

const names = () => reports.map(({ name }) => name)
const head = (method: string, path: string, ...fields: readonly string[]) =>
  `${[`${method} ${path} HTTP/1.1`, 'Host: a', ...fields].join('\r\n')}\r\n\r\n`
const never: RouteHandler = () => new Promise(() => undefined)

/** Opens a connection whose client reads nothing. */
function openUnread(server: RunningServer, sent: string): Socket {
  const socket = openSocket(server.origin).on('error', () => undefined)
  socket.pause().write(sent)
  return socket
}

describe('a request that arrives slowly is refused in the time that is set', () => {
  const json = ['Content-Type: application/json', 'Content-Length: 100'] as const
  const form = ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 100'] as const
  test.each([
    ['no byte', '', { headersMs: short }],
    ['half of its headers', 'POST /graphql HTTP/1.1\r\nHost: a\r\nContent', { headersMs: short }],
    ['half of its body, by the fast path', `${head('POST', '/graphql', ...json)}{`, { wholeRequestMs: short }],
    ['half of its body, by OAuth', `${head('POST', '/oauth2/revoke', ...form)}t`, { wholeRequestMs: short }],
  ])('%s', async (_name, sent, changed) => {
    // node:http requires that the headers take no longer than the whole.
    const server = await start({ changed: { headersMs: short, ...changed } })
    const socket = openSocket(server.origin)
    socket.write(sent)

    const answer = readAnswer(await text(socket))

    expect(answer.status).toBe(408)
  })
})

describe('a request that is not answered in time', () => {
  test.each([
    ['/graphql', 'errors.0.extensions.code', 'SERVICE_UNAVAILABLE'],
    ['/oauth2/revoke', 'error', 'temporarily_unavailable'],
    ['/_security/oauth2/token', 'error.type', 'security_exception'],
    ['/ready', 'message', 'The request took longer than 0.3 s and was given up. Repeat it: that is safe.'],
  ])('is answered 503 in its dialect: %s', async (path, field, value) => {
    const server = await start({ changed: { answerMs: short }, answer: never })

    const answer = await fetch(`${server.origin}${path}`, { method: 'POST', body: '{}' })

    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await answer.json()).toHaveProperty(field, value)
    expect(names()).toEqual(['request_overdue'])
  })

  test('is stopped: its signal aborts and says why, and what it answers later is dropped', async () => {
    let seen: RequestContext | undefined
    let answerLate = () => undefined as unknown
    const server = await start({
      changed: { answerMs: short },
      answer: (_request, context) => {
        seen = context
        return new Promise((resolve) => {
          answerLate = () => resolve(new Response('late'))
          context.signal.addEventListener('abort', () => answerLate())
        })
      },
    })

    const answer = await fetch(`${server.origin}/ready`)

    expect(answer.status).toBe(503)
    expect(seen?.isAwaited()).toBe(false)
    expect(seen?.signal.reason).toMatchObject({ code: 'ERR_CANCELLED' })
    expect(await answer.text()).not.toContain('late')
    expect(names()).toEqual(['request_overdue'])
  })

  test('does not include one whose body is still arriving: that has its own limit', async () => {
    const server = await start({ changed: { answerMs: short } })
    const socket = openSocket(server.origin)
    socket.write(`${head('POST', '/graphql', 'Content-Type: application/json', 'Content-Length: 27')}{"query"`)
    // A request that is overdue meanwhile shows that the time has passed.
    const other = await start({ changed: { answerMs: short * 2 }, answer: never })
    await fetch(`${other.origin}/ready`)

    socket.write(': "{ __typename }"}')

    const [bytes] = await once(socket, 'data')
    expect(readAnswer(String(bytes)).status).toBe(200)
    socket.destroy()
  })
})

test('a request whose client has left is not awaited, also one that waits behind another on its connection', async () => {
  const seen: RequestContext[] = []
  const server = await start({
    answer: (_request, context) => {
      seen.push(context)
      return new Promise(() => undefined)
    },
  })
  const socket = openSocket(server.origin)
  socket.write(head('GET', '/ready').repeat(2))
  await expect.poll(() => seen.length).toBe(2)
  const signals = seen.map(({ signal }) => signal)

  socket.destroy()

  await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true, true])
  expect(seen.map((context) => context.isAwaited())).toEqual([false, false])
})

describe('a client that reads nothing is cut off', () => {
  const page = head('GET', '/graphql', 'Accept: text/html')

  test('from a long answer', async () => {
    const server = await start({ changed: { unreadMs: short } })
    const socket = openUnread(server, page.repeat(3))

    await expect.poll(names, { timeout: 10_000 }).toContain('reader_cut_off')

    socket.destroy()
  })

  test('from a stream, but not from one that has nothing to say', async () => {
    const events = { headers: { 'content-type': 'text/event-stream' } }
    const endless = () => new ReadableStream({ pull: (stream) => stream.enqueue(Buffer.alloc(1024 * 1024)) })
    const silent = () => new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from(':\n\n')) })
    const server = await start({
      changed: { unreadMs: short },
      answer: async ({ url }) => new Response(url.endsWith('/ready') ? endless() : silent(), events),
    })
    const quiet = await fetch(`${server.origin}/health`)
    const socket = openUnread(server, head('GET', '/ready'))

    await expect.poll(names, { timeout: 10_000 }).toEqual(['reader_cut_off'])

    const reader = quiet.body?.getReader()
    expect((await reader?.read())?.done).toBe(false)
    expect(names()).toEqual(['reader_cut_off'])
    await reader?.cancel()
    socket.destroy()
  })
})

test('a client that reads a long answer gets all of it', async () => {
  const server = await start()
  const ask = async (encoding: string) => {
    const headers = { accept: 'text/html', 'accept-encoding': encoding }
    const answer = await fetch(`${server.origin}/graphql`, { headers })
    return { length: Number(answer.headers.get('content-length')), body: await answer.text() }
  }

  const [zipped, plain] = [await ask('gzip'), await ask('identity')]

  expect(plain.length).toBe(Buffer.byteLength(plain.body))
  expect(zipped.body).toBe(plain.body)
  expect(zipped.length).toBeLessThan(plain.length)
})

test('a connection beyond the limit is closed at once, and the others are served', async () => {
  const server = await start({ maxConnections: 1 })
  const first = openSocket(server.origin)
  await once(first, 'connect')
  first.write(head('GET', '/health'))
  const [answer] = await once(first, 'data')

  const second = openSocket(server.origin).on('error', () => undefined)
  await once(second.resume(), 'close')

  expect(readAnswer(String(answer)).status).toBe(200)
  expect(reports).toEqual([{ name: 'connection_refused', facts: { maxConnections: 1 } }])
  first.destroy()
})
