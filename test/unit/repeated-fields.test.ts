import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHandler } from '../../src/http/handler.ts'
import { createRoutes } from '../../src/http/routes.ts'
import type { RunningServer } from '../../src/server/server.ts'
import { noTokens } from '../support/no-tokens.ts'
import { sendRaw, startWithoutTokens } from '../support/raw.ts'

let server: RunningServer
beforeAll(async () => {
  server = await startWithoutTokens()
})
afterAll(() => server.stop())

const dependencies = { tokens: noTokens, assertReady: async () => undefined, emit: () => undefined }
const [good, bad] = ['Authorization: Basic YTpi', 'Authorization: Bearer x']
const body = '{"query":"{ __typename }"}'
const sized = `Content-Length: ${body.length}`
function send(line: string, fields: readonly string[]) {
  const host = fields.some((field) => field.startsWith('Host:')) ? [] : ['Host: a']
  const head = [`${line} HTTP/1.1`, 'Connection: close', ...host, ...fields]
  return sendRaw(server.origin, head, fields.includes(sized) ? body : '')
}

/** Every route, and both ways into GraphQL. */
const requests: readonly (readonly [name: string, line: string, fields: readonly string[]])[] = [
  ...createRoutes(dependencies).table.map(
    ({ method, path }) => [`${method} ${path}`, `${method} ${path}`, []] as const,
  ),
  ['the fast path', 'POST /graphql', ['Content-Type: application/json', sized]],
  ['the full path', 'POST /graphql', ['Content-Type: application/json; charset=utf-8', sized]],
  ['a query by GET', 'GET /graphql?query={__typename}', []],
  ['no route', 'POST /nothing', []],
]

describe.each(requests)('to %s', (_name, line, fields) => {
  test.each([
    ['good then bad', [good, bad]],
    ['bad then good', [bad, good]],
    ['the same twice', [good, good]],
    ['in other letters', [good, bad.toUpperCase()]],
  ])('two `Authorization` headers are refused: %s', async (_order, both) => {
    const answer = await send(line, [...fields, ...both])

    expect(answer.status).toBe(400)
    if (!line.startsWith('HEAD'))
      expect(answer.body).toBe('{"message":"Expected the header `Authorization` once, got it more than once."}')
  })
})

/** Each is sent in both orders. */
const singletons: readonly (readonly [name: string, one: string, other: string])[] = [
  ['Host', 'b', 'c'],
  ['Authorization', 'Basic YTpi', 'Basic eDp5'],
  ['Content-Type', 'application/json', 'text/plain'],
  ['Content-Length', '0', '1'],
  ['Origin', 'https://a.example', 'https://b.example'],
]

test.each(singletons)(
  'two `%s` headers are refused in either order, and when they are equal',
  async (name, one, other) => {
    const statuses = [
      [one, other],
      [other, one],
      [one, one],
    ].map(
      async (values) =>
        (
          await send(
            'POST /graphql',
            values.map((value) => `${name}: ${value}`),
          )
        ).status,
    )

    expect(await Promise.all(statuses)).toEqual([400, 400, 400])
  },
)

/** Lists, whose lines are joined; and singletons that this service does not read. */
const repeatable: readonly (readonly [name: string, one: string, other: string])[] = [
  ['Accept', 'text/plain', 'application/json'],
  ['Accept-Encoding', 'gzip', 'br'],
  ['If-None-Match', '"a"', '"b"'],
  ['Cookie', 'a=1', 'b=2'],
  ['Forwarded', 'for=192.0.2.1', 'for=192.0.2.2'],
  ['X-Forwarded-For', '192.0.2.1', '192.0.2.2'],
  ['User-Agent', 'a', 'b'],
  ['Access-Control-Request-Headers', 'authorization', 'content-type'],
]

test.each(repeatable)('two `%s` headers are accepted', async (name, one, other) => {
  const answer = await send('GET /health', [`${name}: ${one}`, `${name}: ${other}`])

  expect(answer.status).toBe(200)
})

test.each([
  ['POST', '/graphql', 415],
  ['POST', '/oauth2/revoke', 400],
  ['POST', '/oauth2/introspect', 400],
  ['DELETE', '/_security/oauth2/token', 401],
])('the mounted handler refuses what `Headers` makes of two lines: %s %s', async (method, path, status) => {
  const handler = createHandler(dependencies)
  const type = path.startsWith('/oauth2') ? 'application/x-www-form-urlencoded' : 'application/json'
  const ask = async (headers: [string, string][]) =>
    (await handler(new Request(`http://localhost${path}`, { method, headers, body }))).status

  const twoTypes = await ask([
    ['content-type', type],
    ['content-type', type],
  ])
  const twoCallers = await ask([
    ['content-type', type],
    ['authorization', 'Basic YTpi'],
    ['authorization', 'Basic YTpi'],
  ])

  expect([twoTypes, twoCallers]).toEqual([status, 401])
})
