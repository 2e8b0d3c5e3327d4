import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHandler } from '../../src/http/handler.ts'
import { createRoutes, type RoutesDependencies } from '../../src/http/routes.ts'
import { deadlines } from '../../src/server/deadlines.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { noTokens } from '../support/no-tokens.ts'
import { openSocket, readAnswer } from '../support/raw.ts'

const refused = { status: 429, headers: { 'Content-Type': 'application/json' }, body: '{}' }
const dependencies: RoutesDependencies = {
  tokens: noTokens,
  assertReady: async () => undefined,
  admit: ({ header }) => (header('x-refuse') === undefined ? undefined : refused),
  emit: () => undefined,
}
const routes = createRoutes(dependencies)
const handler = createHandler(dependencies)

let server: RunningServer
let broken: RunningServer
let late: RunningServer
const rest = { port: 0, host: '127.0.0.1', emit: () => undefined }
const fastPath = { ...routes.fastPath, accepts: () => false }
beforeAll(async () => {
  const fail = () => Promise.reject(new Error('A fault'))
  const wait = () => new Promise<never>(() => undefined)
  server = await startServer({ ...rest, routes })
  broken = await startServer({ ...rest, routes: { ...routes, fastPath, answer: fail } })
  const soon = { ...deadlines, answerMs: 1 }
  late = await startServer({ ...rest, routes: { ...routes, fastPath, answer: wait }, deadlines: soon })
})
afterAll(() => Promise.all([server.stop(), broken.stop(), late.stop()]))

type Sent = readonly [name: string, lines: readonly string[]]
const form = 'Content-Type: application/x-www-form-urlencoded'
const refusing = 'X-Refuse: 1'
/** Each route, without what it needs, and as a policy refuses it; each path by a method that it has not. */
const ofRoutes = routes.table.flatMap(({ method, path }): readonly Sent[] => [
  [`${method} ${path}`, [`${method} ${path}`, 'Content-Length: 0']],
  [`${method} ${path}, refused by a policy`, [`${method} ${path}`, 'Content-Length: 0', refusing]],
  [`PUT ${path} instead of ${method}`, [`PUT ${path}`, 'Content-Length: 0']],
])
const others: readonly Sent[] = [
  ['a path without a route', ['GET /nothing']],
  ['the page', ['GET /graphql', 'Accept: text/html']],
  ['the head of the page', ['HEAD /graphql', 'Accept: text/html']],
  ['a browser at /', ['GET /', 'Accept: text/html']],
  ['GraphQL by GET', ['GET /graphql?query={__typename}']],
  ['GraphQL by Yoga, from a page', ['GET /graphql?query={__typename}', 'Origin: http://page.example']],
  ['a stream', ['GET /graphql?query={__typename}', 'Accept: text/event-stream']],
  ['a preflight of GraphQL', ['OPTIONS /graphql', 'Origin: http://a.example', 'Access-Control-Request-Method: POST']],
  ['a form of OAuth', ['POST /oauth2/introspect', form, 'Content-Length: 0']],
]
/** What only a server can refuse: a mounted handler never sees it. */
const ofServer: readonly Sent[] = [
  ['an expectation', ['POST /graphql', 'Content-Length: 0', 'Expect: 200-maybe']],
  ['a field twice', ['GET /health', 'Origin: http://a', 'Origin: http://b']],
  ['a path with dot segments', ['GET /a/../health']],
]

/** The answers have different caches: all but these may hold a token, or depend on the moment. */
const cacheOf = (path: string, accept: string) =>
  path === '/graphql' && accept.includes('text/html') ? 'no-cache' : 'no-store'

const id = 'an-id-of-the-client'

async function sendTo(origin: string, [start = '', ...fields]: readonly string[]) {
  const socket = openSocket(origin)
  const lines = [`${start} HTTP/1.1`, 'Host: a', `X-Request-Id: ${id}`, 'Connection: close', ...fields]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  return readAnswer(await text(socket))
}

function expectFields(headers: Headers, [start = '', ...fields]: readonly string[]): void {
  const [, path = ''] = start.split(' ')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('cache-control')?.split(', ')[0]).toBe(cacheOf(path, fields.join()))
  expect(headers.get('x-request-id')).toBe(id)
}

describe('an answer has nosniff, says what a cache may keep, and names its request', () => {
  test.each([...ofRoutes, ...others, ...ofServer])('by a server: %s', async (_name, lines) => {
    const { headers, status } = await sendTo(server.origin, lines)

    expect(status).toBeGreaterThanOrEqual(200)
    expectFields(headers, lines)
  })

  test.each([...ofRoutes, ...others])('by a mounted handler: %s', async (_name, lines) => {
    const [start = '', ...fields] = lines
    const [method = '', path = ''] = start.split(' ')
    const pairs = fields.map((field): [string, string] => {
      const [name = '', ...value] = field.split(': ')
      return [name, value.join(': ')]
    })
    const headers = new Headers([['x-request-id', id], ...pairs])
    headers.delete('content-length')

    const answer = await handler(new Request(`http://localhost${path}`, { method, headers }))
    // A stream of Yoga cannot be cancelled before it is read.
    await answer.body?.cancel().catch(() => undefined)

    expectFields(answer.headers, lines)
  })

  test('by a server whose handler fails', async () => {
    const { headers, status } = await sendTo(broken.origin, ['GET /health'])

    expect(status).toBe(500)
    expectFields(headers, ['GET /health'])
  })

  test.each(['/graphql', '/oauth2/revoke', '/_security/oauth2/token', '/ready'])(
    'by a server whose handler takes too long: %s',
    async (path) => {
      const lines = [`POST ${path}`, 'Content-Length: 0']

      const { headers, status } = await sendTo(late.origin, lines)

      expect(status).toBe(503)
      expectFields(headers, lines)
    },
  )

  test('by a server that cannot read the request, with an id of its own', async () => {
    const socket = openSocket(server.origin)
    socket.write('hello\r\n\r\n')

    const { headers, status } = readAnswer(await text(socket))

    expect(status).toBe(400)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
  })
})

test('a name that a policy writes in capitals is there once', async () => {
  const socket = openSocket(server.origin)
  socket.write(`GET /health HTTP/1.1\r\nHost: a\r\n${refusing}\r\nConnection: close\r\n\r\n`)

  expect((await text(socket)).match(/content-type:/gi)).toHaveLength(1)
})
