import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { followDocument } from '../../src/guard/documents.ts'
import { takeFrames } from '../../src/http/graphql/guard-stream.ts'
import { createHandler } from '../../src/http/handler.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { startServer } from '../../src/server/server.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import { digestClientSecret } from '../../src/tokens/clients.ts'
import { TokenServiceError } from '../../src/tokens/errors.ts'
import type { GuardFeedEvent } from '../../src/tokens/live/guard-feed.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { basic } from '../support/basic.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
const issue = () => service.tokens.issue({ owner: { realm: 'staff', username: 'alice' }, scopes: [] }, admin)
const end = ({ session: { id } }: IssuedPair) => service.tokens.invalidate({ kind: 'session', id }, admin)

const secret = 'a secret of a client that follows'
const authorization = basic('guard', secret)
beforeEach(() =>
  createClientStore(service.database).putClient({
    id: 'guard',
    secretDigest: digestClientSecret(secret),
    scopes: ['follow_revocations'],
  }),
)

/** The same document for graphql-js, but not byte for byte: it is run for each event. */
const otherDocument = `${followDocument} `

async function open(
  query: string,
  { variables = {}, credentials = authorization, send = service.handler }: Asked = {},
) {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream', authorization: credentials }
  const body = JSON.stringify({ query, variables })
  const response = await send(new Request('http://localhost/graphql', { method: 'POST', headers, body }))
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  onTestFinished(async () => void (await reader?.cancel().catch(() => undefined)))
  /** The text up to the end of the next event that fits, without pings and without events that do not fit. */
  async function nextText(pattern: RegExp): Promise<string> {
    for (;;) {
      const finish = text.indexOf('\n\n') + 2
      if (finish > 1) {
        const event = text.slice(0, finish)
        text = text.slice(finish)
        if (pattern.test(event)) return event
        continue
      }
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
      if (done) return `(ended) ${text}`
      text += decoder.decode(value, { stream: true })
    }
  }
  return { response, nextText }
}

type Send = (request: Request) => Promise<Response>

interface Asked {
  readonly variables?: Readonly<Record<string, unknown>>
  readonly credentials?: string
  readonly send?: Send
}

const openBoth = (asked?: Asked) => Promise.all([open(followDocument, asked), open(otherDocument, asked)])
const withoutTimes = (text: string) => text.replaceAll(/"(arrivedAt|readAt)":[\d.]+/g, '"$1":0')
const headersOf = ({ headers }: Response) => {
  const { 'x-request-id': _, date: __, ...others } = Object.fromEntries(headers)
  return others
}

/** The service's own server on a port, which writes the frames itself. */
const byServer: Send = async ({ headers, body }) => {
  const { tokens, database, emit } = service
  const routes = createRoutes({ tokens, assertReady: database.ping, emit })
  const server = await startServer({ routes, port: 0, host: '127.0.0.1', emit })
  onTestFinished(() => server.stop())
  return fetch(`${server.origin}/graphql`, { method: 'POST', headers, body: await new Response(body).text() })
}

test.each([
  { name: 'a server that it is mounted in', send: (request: Request) => service.handler(request) },
  { name: 'its own server', send: byServer },
])('the stream of a guard has the bytes of Yoga, by $name', async ({ send }) => {
  const [short, long] = await openBoth({ send })

  expect(short.response.status).toBe(200)
  expect(headersOf(short.response)).toEqual(headersOf(long.response))
  expect(await short.nextText(/^:/)).toBe(await long.nextText(/^:/))
  const first = withoutTimes(await short.nextText(/^event/))
  expect(first).toContain('"arrivedAt":0')
  expect(first).toBe(withoutTimes(await long.nextText(/^event/)))
  await end(await issue())
  const block = await short.nextText(/"block":"/)
  expect(block).toBe(await long.nextText(/"block":"/))
  const heartbeat = await short.nextText(/"block":null/)
  expect(heartbeat).toContain('"arrivedAt":null')
  expect(heartbeat).toBe(await long.nextText(/"block":null/))
})

test('only the document of a guard, byte for byte, is written in this way', async () => {
  const [short, long] = await openBoth()

  expect(takeFrames(short.response)).toBeDefined()
  expect(takeFrames(long.response)).toBeUndefined()
})

test('a log that fails ends it with the same error', async () => {
  const fault = vi.spyOn(service.tokens, 'followForGuard').mockImplementation(async () => failing())
  onTestFinished(() => fault.mockRestore())
  const [short, long] = await openBoth()

  const error = await short.nextText(/errors/)
  expect(error).toContain('"code":"SERVICE_UNAVAILABLE"')
  expect(error).toBe(await long.nextText(/errors/))
  expect(await short.nextText(/complete/)).toBe(await long.nextText(/complete/))

  async function* failing(): AsyncGenerator<GuardFeedEvent, void, undefined> {
    yield { cursor: 'c', epoch: 'e', block: undefined, readAt: 1, hasGap: false, isComplete: true }
    throw new TokenServiceError('ERR_STORAGE_UNAVAILABLE', 'The database does not answer.')
  }
})

test('it completes as Yoga completes it', async () => {
  const tokens = service.another()
  const { database, emit } = service
  const [short, long] = await openBoth({ send: createHandler({ tokens, assertReady: database.ping, emit }) })
  for (const { nextText } of [short, long]) expect(await nextText(/^event/)).toMatch(/"data"/)

  tokens.endStreams()

  const end = await short.nextText(/complete/)
  expect(end).toBe('event: complete\ndata:\n\n')
  expect(end).toBe(await long.nextText(/complete/))
})

describe.each([
  { name: 'without credentials', asked: { credentials: '' } },
  { name: 'with a wrong secret', asked: { credentials: basic('guard', 'wrong') } },
  { name: 'with a cursor that is none', asked: { variables: { after: 'nonsense' } } },
  { name: 'with variables that do not fit', asked: { variables: { after: { of: 'another type' } } } },
])('a refusal $name', ({ asked }) => {
  test('is the same, and takes no place of a stream', async () => {
    const [short, long] = await openBoth(asked)

    expect(short.response.status).toBe(long.response.status)
    expect(headersOf(short.response)).toEqual(headersOf(long.response))
    const refusal = await short.nextText(/^event/)
    expect(refusal).toMatch(/errors/)
    expect(refusal).toBe(await long.nextText(/^event/))
  })
})
