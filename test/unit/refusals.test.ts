import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { writeRefusal } from '../../src/server/unreadable-request.ts'
import { TokenServiceError } from '../../src/tokens/errors.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'
import { noTokens } from '../support/no-tokens.ts'
import { openSocket, type RawAnswer, readAnswer, sendRaw, startWithoutTokens } from '../support/raw.ts'

let server: RunningServer
const reports: ServiceEvent[] = []
beforeAll(async () => {
  server = await startWithoutTokens((event) => void reports.push(event))
})
beforeEach(() => {
  reports.length = 0
})
afterAll(() => server.stop())

/** A refusal says what was expected, in the words of its API. */
function expectBody({ headers, body }: Pick<RawAnswer, 'headers' | 'body'>): void {
  expect(headers.get('content-type')).toMatch(/^application\/json/)
  const { message, errors, error, error_description: description } = JSON.parse(body)
  expect(message ?? errors?.[0].message ?? description ?? error.reason).toMatch(/^\S+ .{20,}/)
}

const post = (path: string, fields: readonly string[], body: string) =>
  [[`POST ${path} HTTP/1.1`, 'Host: a', `Content-Length: ${Buffer.byteLength(body)}`, ...fields], body] as const
const head = (line: string, ...fields: readonly string[]) => [[`${line} HTTP/1.1`, ...fields], ''] as const
const graphql = (...fields: readonly string[]) => post('/graphql', fields, '{"query":"{ __typename }"}')
const json = 'Content-Type: application/json'
const form = 'Content-Type: application/x-www-form-urlencoded'
const large = ' '.repeat(270_000)

/** All kinds of refusals that depend on nothing but the form of a request. */
const refusals: readonly (readonly [name: string, status: number, request: readonly [readonly string[], string]])[] = [
  ['bytes that are no HTTP', 400, head('hello')],
  ['a version that does not exist', 400, [['GET /health HTTP/7.1', 'Host: a'], '']],
  ['a method that does not exist', 400, head('FETCH /health', 'Host: a')],
  ['a header without a colon', 400, head('GET /health', 'Host: a', 'Accept')],
  ['a header with a control character', 400, head('GET /health', 'Host: a', 'Accept: a\u0001b')],
  ['a header of 20,000 bytes', 431, head('GET /health', 'Host: a', `Accept: ${'a'.repeat(20_000)}`)],
  ['two lengths', 400, head('POST /graphql', 'Host: a', 'Content-Length: 1', 'Content-Length: 1')],
  ['a length that is no number', 400, head('POST /graphql', 'Host: a', 'Content-Length: x')],
  ['a length and chunks', 400, head('POST /graphql', 'Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked')],
  ['a coding that is not known', 400, head('POST /graphql', 'Host: a', 'Transfer-Encoding: gzip')],
  ['no Host', 400, head('GET /health', 'Connection: close')],
  ['no Host beside a whole url', 400, head('GET http://a/health', 'Connection: close')],
  ['a Host that is none', 400, head('GET /health', 'Host: a b', 'Connection: close')],
  ['two Hosts', 400, head('GET /health', 'Host: a', 'Host: a', 'Connection: close')],
  ['a path with dot segments', 400, head('GET /a/../health', 'Host: a', 'Connection: close')],
  ['an expectation', 417, head('POST /graphql', 'Host: a', 'Expect: tea', 'Content-Length: 0', 'Connection: close')],
  ['a path without a route', 404, head('GET /nothing', 'Host: a', 'Connection: close')],
  ['a method without a route', 405, head('PUT /graphql', 'Host: a', 'Connection: close')],
  ['GraphQL: a type that is not offered', 406, graphql(json, 'Accept: text/plain')],
  ['GraphQL: a type that is not offered, by the full path', 406, graphql(`${json};a=b`, 'Accept: text/plain')],
  [
    'GraphQL: a type that is not offered, by GET',
    406,
    head('GET /graphql?query={__typename}', 'Host: a', 'Accept: text/plain'),
  ],
  ['GraphQL: several types that are not offered', 406, graphql(json, 'Accept: image/png, text/html;q=0.5')],
  ['GraphQL: another charset', 406, graphql(json, 'Accept: application/json; charset=latin1')],
  ['GraphQL: another type of body', 415, graphql('Content-Type: text/plain')],
  ['GraphQL: no type of body', 415, graphql()],
  ['GraphQL: an unknown coding', 415, graphql(json, 'Content-Encoding: br')],
  ['GraphQL: a long body', 413, post('/graphql', [json], large)],
  ['GraphQL: no query', 400, post('/graphql', [json], '{}')],
  [
    'GraphQL: a mutation by GET',
    405,
    head('GET /graphql?query=mutation{invalidateToken(input:{everything:true}){errorCount}}', 'Host: a'),
  ],
  [
    'GraphQL: a subscription for JSON',
    406,
    post('/graphql', [json, 'Accept: application/json'], '{"query":"subscription{tokenInvalidated{id}}"}'),
  ],
  [
    'GraphQL: a subscription in parts',
    406,
    post('/graphql', [json, 'Accept: multipart/mixed'], '{"query":"subscription{tokenInvalidated{id}}"}'),
  ],
  ['OAuth: another type of body', 400, post('/oauth2/revoke', [json], '{}')],
  ['OAuth: an unknown coding', 415, post('/oauth2/token', [form, 'Content-Encoding: br'], 'a=b')],
  ['OAuth: a long body', 413, post('/oauth2/introspect', [form], large)],
  ['Elasticsearch: no credentials', 401, post('/_security/oauth2/token', [json], '{}')],
]

test.each(refusals)('a refusal has a body: %s, %i', async (_name, status, [lines, body]) => {
  const closing = lines.some((line) => line.startsWith('Connection:')) ? [] : ['Connection: close']

  const answer = await sendRaw(server.origin, [...lines, ...closing], body)

  expect(answer.status).toBe(status)
  expectBody(answer)
  expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(answer.body)))
  expect(reports).toEqual([])
})

test.each<[code: string | undefined, status: number]>([
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_INVALID_METHOD', 400],
  [undefined, 400],
])('the answer to %s of node:http is a whole one', (code, status) => {
  const answer = readAnswer(writeRefusal(code))

  expect(answer.status).toBe(status)
  expect(answer.headers.get('connection')).toBe('close')
  expectBody(answer)
})

test.each([
  ['the fast path', json, '/graphql'],
  ['the full path', `${json}; charset=utf-8`, '/graphql'],
  ['OAuth', form, '/oauth2/revoke'],
])('a body whose chunks are malformed is refused, and is no unexpected error: %s', async (_name, type, path) => {
  const lines = [`POST ${path} HTTP/1.1`, 'Host: a', type, 'Transfer-Encoding: chunked']

  const answer = await sendRaw(server.origin, lines, 'xyz\r\n')
  await sleep(20)

  expect(answer.status).toBe(400)
  expectBody(answer)
  expect(reports).toEqual([])
})

test('bytes that cannot be read after an answer close the connection, and are answered too', async () => {
  const socket = openSocket(server.origin)
  socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
  await sleep(50)
  socket.write('hello\r\n\r\n')

  const answers = await text(socket)

  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400'])
})

const mounted = createHandler({ tokens: noTokens, assertReady: async () => undefined, emit: () => undefined })

test.each(['text/plain', 'image/png', 'application/xml, text/html', 'application/json; charset=latin1'])(
  'the mounted handler answers `Accept: %s` by a GraphQL error in JSON',
  async (accept) => {
    const headers = { accept, 'content-type': 'application/json' }
    const request = new Request('http://localhost/graphql', {
      method: 'POST',
      headers,
      body: '{"query":"{ __typename }"}',
    })

    const answer = await mounted(request)

    expect([answer.status, answer.headers.get('content-type')]).toEqual([406, 'application/json; charset=utf-8'])
    expect(await answer.json()).toEqual({
      errors: [
        {
          message: 'Expected `Accept` to allow `application/graphql-response+json` or `application/json`.',
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    })
  },
)

describe('a page of another origin can read', () => {
  const unavailable = new TokenServiceError('ERR_STORAGE_UNAVAILABLE', 'The database is not available.')
  // Whichever verb a route calls: a proxy has all of them.
  const tokens: Tokens = new Proxy(Object.create(null), { get: () => () => Promise.reject(unavailable) })
  const dependencies = { tokens, assertReady: async () => undefined, emit: () => undefined }
  let down: RunningServer
  beforeAll(async () => {
    down = await startServer({ routes: createRoutes(dependencies), port: 0, host: '127.0.0.1', emit: () => undefined })
  })
  afterAll(() => down.stop())
  const ways: readonly (readonly [name: string, handler: Handler])[] = [
    ['a server', (request) => fetch(new Request(request.url.replace('http://localhost', down.origin), request))],
    ['the mounted handler', createHandler(dependencies)],
  ]

  const urlencoded = 'application/x-www-form-urlencoded'
  const query = '{"query":"{ currentToken { active } }"}'
  /** Every route that pages may call. */
  const requests: readonly (readonly [name: string, path: string, init: RequestInit])[] = [
    ['GraphQL', '/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: query }],
    ['GraphQL by GET', '/graphql?query={currentToken{active}}', {}],
    ['revocation', '/oauth2/revoke', { method: 'POST', headers: { 'content-type': urlencoded }, body: 'token=x' }],
    ['the token endpoint', '/oauth2/token', { method: 'POST', headers: { 'content-type': urlencoded }, body: 'a=b' }],
  ]
  const send = (handler: Handler, path: string, init: RequestInit, authorization: string) => {
    const headers = { ...Object.fromEntries(new Headers(init.headers)), origin: 'https://a.example', authorization }
    return handler(new Request(`http://localhost${path}`, { ...init, headers }))
  }

  describe.each(ways)('by %s', (_way, handler) => {
    test.each(requests)('how to authenticate, and when to ask again: %s', async (_name, path, init) => {
      const refused = await send(handler, path, init, 'Digest x')
      const failed = await send(handler, path, init, 'Bearer x')

      expect([refused.status, failed.status]).toEqual([401, 503])
      expect([refused.headers.has('www-authenticate'), failed.headers.get('retry-after')]).toEqual([true, '1'])
      for (const { headers } of [refused, failed]) {
        expect(headers.get('access-control-expose-headers')).toBe('WWW-Authenticate, Retry-After, X-Request-Id')
        expect(headers.get('access-control-allow-origin')).toMatch(/^(\*|https:\/\/a\.example)$/)
      }
    })

    test('the metadata, with the same headers', async () => {
      const { headers } = await handler(new Request('http://localhost/.well-known/oauth-authorization-server'))

      expect(headers.get('access-control-expose-headers')).toBe('WWW-Authenticate, Retry-After, X-Request-Id')
    })
  })
})
