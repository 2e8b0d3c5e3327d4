import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import { createRoutes } from '../../src/http/routes.ts'
import type { RunningServer } from '../../src/server/server.ts'
import { noTokens } from '../support/no-tokens.ts'
import { startWithoutTokens } from '../support/raw.ts'

let server: RunningServer
const reports: ServiceEvent[] = []
const emit = (event: ServiceEvent) => void reports.push(event)
beforeAll(async () => {
  server = await startWithoutTokens(emit)
})
beforeEach(() => {
  reports.length = 0
})
afterAll(() => server.stop())

const dependencies = { tokens: noTokens, assertReady: async () => undefined, emit }
const mounted = createHandler(dependencies)
const ways: readonly (readonly [name: string, handler: Handler])[] = [
  [
    'a server',
    (request) =>
      fetch(new Request(request.url.replace('http://localhost', server.origin), request), { redirect: 'manual' }),
  ],
  ['a handler that is mounted elsewhere', mounted],
]

type Headers = Readonly<Record<string, string>>
const page = { accept: 'text/html', 'accept-encoding': 'gzip' }
const events = { accept: 'text/event-stream' }
const subscription = '/graphql?query=subscription{tokenInvalidated{id}}'
const mutation = '/graphql?query=mutation{invalidateToken(input:{everything:true}){errorCount}}'
const { table } = createRoutes(dependencies)

/** All routes that answer GET, and the different answers that they give. */
const requests: readonly (readonly [name: string, path: string, headers: Headers])[] = [
  ...table.filter(({ method }) => method === 'GET').map(({ path }) => [path, path, {}] as const),
  ['a query', '/graphql?query={__typename}', {}],
  ['a query of a page of another origin', '/graphql?query={__typename}', { origin: 'https://a.example' }],
  ['a query for the newer media type', '/graphql?query={__typename}', { accept: 'application/graphql-response+json' }],
  ['a result as events', '/graphql?query={__typename}', events],
  ['a result in parts', '/graphql?query={__typename}', { accept: 'multipart/mixed' }],
  ['a document that is not valid', '/graphql?query={nothing}', {}],
  ['a request without a query', '/graphql?operationName=A', {}],
  ['wrong credentials', '/graphql?query={__typename}', { authorization: 'Digest x' }],
  ['a media type that is not offered', '/graphql?query={__typename}', { accept: 'text/plain' }],
  ['a mutation', mutation, {}],
  ['a subscription without a stream', subscription, { accept: 'application/json' }],
  ['GraphiQL', '/graphql', page],
  ['GraphiQL, not compressed', '/graphql', { ...page, 'accept-encoding': 'identity' }],
  ['GraphiQL, known to the browser', '/graphql', { ...page, 'if-none-match': '*' }],
  ['a browser at /', '/', page],
  ['credentials for Elasticsearch', '/_security/_authenticate', { authorization: 'Digest x' }],
  ['a path without a route', '/nothing', {}],
  ['a path without GET', '/oauth2/revoke', {}],
]

const ask = (method: string, path: string, headers: Headers) =>
  new Request(`http://localhost${path}`, { method, headers: { 'accept-encoding': 'identity', ...headers } })

/** Without what belongs to the connection or to the moment. */
function fieldsOf({ status, headers }: Response) {
  const varying = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'x-request-id']
  const entries = [...headers].map(([name, value]) => [name.toLowerCase(), value] as const)
  return { status, fields: Object.fromEntries(entries.filter(([name]) => !varying.includes(name))) }
}

describe.each(ways)('by %s', (_way, handler) => {
  test.each(requests)('HEAD is GET without the body: %s', async (_name, path, headers) => {
    const get = await handler(ask('GET', path, headers))
    const head = await handler(ask('HEAD', path, headers))

    expect(fieldsOf(head)).toEqual(fieldsOf(get))
    expect(await head.text()).toBe('')
    // `fetch` decompresses what it reads, so the length that the server sent comes first.
    const { byteLength } = await get.arrayBuffer()
    const length = get.headers.get('content-length') ?? String(byteLength)
    const hasLength = get.status !== 304 && get.headers.get('content-type') !== 'text/event-stream'
    expect(head.headers.get('content-length')).toBe(hasLength ? length : null)
  })

  test('HEAD opens no subscription: it is refused, with the methods that do', async () => {
    const answer = await handler(ask('HEAD', subscription, events))

    expect([answer.status, answer.headers.get('allow'), await answer.text()]).toEqual([405, 'GET, POST', ''])
    expect(reports).toEqual([])
  })

  test('HEAD runs no mutation', async () => {
    const answer = await handler(ask('HEAD', mutation, {}))

    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    expect(reports).toEqual([])
  })

  const allowed = new Map<string, string[]>()
  for (const { method, path } of table) allowed.set(path, [...(allowed.get(path) ?? []), method])
  const paths = [...allowed].map(([path, methods]) => [path, methods.join(', ')] as const)

  test.each(paths)('`Allow` of %s is %s, also in the answer to OPTIONS', async (path, methods) => {
    const refused = await handler(ask('PATCH', path, {}))
    const options = await handler(ask('OPTIONS', path, { origin: 'https://a.example' }))

    expect([refused.status, refused.headers.get('allow')]).toEqual([405, methods])
    expect(options.headers.get('allow')).toBe(methods)
    expect(options.status).toBe(methods.includes('OPTIONS') ? 204 : 405)
    if (options.status === 204)
      expect(options.headers.get('access-control-allow-methods')).toBe(methods.replace(/, OPTIONS$/, ''))
  })
})

test('a policy that refuses HEAD answers without a body', async () => {
  const refusal = { status: 429, headers: {}, body: 'Too many requests.' }
  const guarded = createHandler({ ...dependencies, admit: () => refusal })

  const answer = await guarded(ask('HEAD', '/health', {}))

  expect([answer.status, await answer.text()]).toEqual([429, ''])
})

test('every route that has GET has HEAD', () => {
  const pathsOf = (wanted: string) => table.filter(({ method }) => method === wanted).map(({ path }) => path)

  expect(pathsOf('HEAD')).toEqual(pathsOf('GET'))
})

test('the answer to OPTIONS has no length, as RFC 9110 §8.6 wants it for a 204', async () => {
  for (const path of ['/graphql', '/oauth2/revoke']) {
    const { status, headers } = await fetch(`${server.origin}${path}`, { method: 'OPTIONS' })

    expect([status, headers.get('content-length')]).toEqual([204, null])
  }
})
