import { gzipSync } from 'node:zlib'
import { sql } from 'drizzle-orm'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mintSecrets, type PairKey, readToken } from '../../src/tokens/token.ts'
import { textsWithSecrets } from '../support/lookalikes.ts'
import { admin, asAdmin, useTestService } from '../support/service.ts'

const service = useTestService({ keepsRows: true })
let allRows: ReturnType<typeof prepareRows>
let rows: unknown
/** The key of a live token, and its expiry. */
let live: PairKey & { readonly expiresAt: Date } = { slot: 0, id: 0, expiresAt: new Date(0) }
beforeAll(async () => {
  const owner = { realm: 'staff', username: 'alice' }
  const pair = await service.tokens.issue({ owner }, admin)
  await service.tokens.refresh(pair.refresh?.token ?? '')
  await service.tokens.invalidate({ kind: 'access-token', token: pair.accessToken }, admin)
  const { accessToken } = await service.tokens.issue({ owner }, admin)
  live = readToken(accessToken) ?? live
  allRows = prepareRows()
  rows = await allRows.execute()
})
/** After each request: no error was reported, and no row has changed. */
afterEach(async () => {
  expect(service.reports).toEqual([])
  expect(await allRows.execute()).toEqual(rows)
})

function prepareRows() {
  const tables = ['token_pairs', 'spent_refresh_tokens', 'revocations', 'clients']
  const texts = tables.map((table) => `select '${table}: ' || t::text as text from ${table} t`).join(' union all ')
  return service.database.db
    .select({ text: sql`text` })
    .from(sql.raw(`(${texts}) as rows`))
    .orderBy(sql`text`)
    .prepare('rows')
}

const url = 'http://localhost/graphql'
const json = {
  'content-type': 'application/json',
  accept: 'application/graphql-response+json',
  authorization: asAdmin,
}
type Headers = Readonly<Record<string, string>>

function post(body: BodyInit | null, headers: Headers = {}): Request {
  return new Request(url, { method: 'POST', headers: { ...json, ...headers }, body })
}
function send(body: unknown): Request {
  return post(JSON.stringify(body))
}
function chunked(body: string): Request {
  const bytes = new TextEncoder().encode(body)
  const stream = new ReadableStream({
    start(controller) {
      for (let start = 0; start < bytes.length; start += 1000) controller.enqueue(bytes.slice(start, start + 1000))
      controller.close()
    },
  })
  const init = { method: 'POST', headers: json, body: stream, duplex: 'half' }
  return new Request(url, init)
}
function withLength(body: string): Request {
  return post(body, { 'content-length': String(Buffer.byteLength(body)) })
}
function get(parameters: Headers): Request {
  return new Request(`${url}?${new URLSearchParams(parameters)}`, { headers: json })
}

/** The four operations as an administrator's program sends them: with the input in a variable. */
const create = (input: unknown) => ({ query: documents.create, variables: { input } })
const refresh = (input: unknown) => ({ query: documents.refresh, variables: { input } })
const invalidate = (input: unknown) => ({ query: documents.invalidate, variables: { input } })
const introspect = (token: unknown) => ({ query: documents.introspect, variables: { token } })
const documents = {
  create: 'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { expiresIn } }',
  refresh: 'mutation ($input: RefreshTokenPairInput!) { refreshTokenPair(input: $input) { __typename } }',
  invalidate: 'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { invalidatedTokens } }',
  introspect: 'query ($token: String!) { introspectToken(token: $token) { active } }',
}
const inLiteral = (input: string) => ({ query: `mutation { invalidateToken(input: ${input}) { invalidatedTokens } }` })

type Case = [name: string, request: () => Request, status?: number]

async function expectRefusal(request: Request, status = 400, name = ''): Promise<void> {
  const response = await service.handler(request)
  const text = await response.text()

  expect(response.status, `${name} ${text}`).toBe(status)
  expect(codesOf(text), name).toEqual(['BAD_USER_INPUT'])
  expect(text).not.toContain('Unexpected error.')
}

function codesOf(text: string): readonly string[] {
  const { errors } = JSON.parse(text)
  return [...new Set<string>(errors.map((error: { readonly extensions: { code: string } }) => error.extensions.code))]
}

const validBody = JSON.stringify({ query: '{ __typename }' })
const endRealm = 'mutation { invalidateToken(input: { owner: { realmName: "staff" } }) { invalidatedTokens } }'
const form = `query=${encodeURIComponent(endRealm)}`
const multipart = `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: endRealm })}\r\n--x--`

describe('a body that is not a GraphQL request is refused', () => {
  test.each<Case>([
    ['malformed JSON', () => post('{"query": "{ __typename }"')],
    ['text that is not JSON', () => post('query { __typename }')],
    ['an empty body', () => post('')],
    ['no body', () => post(null)],
    ['null', () => send(null)],
    ['a number', () => send(12)],
    ['a string', () => send('{ __typename }')],
    ['a list, as batching is not supported', () => send([{ query: '{ __typename }' }])],
    ['an empty list', () => send([])],
    ['an empty object', () => send({})],
    ['no query', () => send({ variables: {} })],
    ['a query of null', () => send({ query: null })],
    ['a query that is a number', () => send({ query: 12 })],
    ['a query that is a list', () => send({ query: ['{ __typename }'] })],
    ['a query that is an object', () => send({ query: { toString: '{ __typename }' } })],
    ['an empty query', () => send({ query: '' })],
    ['a query of white space', () => send({ query: ' \n\t' })],
    ['a query that is a comment', () => send({ query: '# { __typename }' })],
    ['an unknown parameter', () => send({ query: '{ __typename }', queries: [] })],
    ['variables that are a list', () => send({ query: '{ __typename }', variables: [] })],
    ['variables that are a string', () => send({ query: '{ __typename }', variables: '{}' })],
    ['extensions that are a string', () => send({ query: '{ __typename }', extensions: '{}' })],
    ['ill-formed UTF-8', () => post(new Uint8Array([...Buffer.from('{"query":"'), 0xff, 0xfe, ...Buffer.from('"}')]))],
    ['UTF-8 cut short', () => post(Buffer.from('{"query":"{ __typename } # ü"}').subarray(0, -3))],
    ['an overlong encoding', () => post(new Uint8Array([...Buffer.from(validBody), 0xc0, 0x8a]))],
    ['an encoded surrogate', () => post(new Uint8Array([...Buffer.from('{"query":"#'), 0xed, 0xa0, 0x80]))],
    ['UTF-16', () => post(Buffer.from(validBody, 'utf16le'))],
    ['NUL bytes', () => post('\0\0\0\0')],
    ['262,145 bytes with their length', () => withLength(validBody.padEnd(262_145)), 413],
    ['262,145 bytes in chunks', () => chunked(validBody.padEnd(262_145)), 413],
    [
      '262,145 bytes with a length that is not a number',
      () => post(validBody.padEnd(262_145), { 'content-length': 'x' }),
      413,
    ],
    ['a megabyte', () => withLength(validBody.padEnd(1_000_000)), 413],
    ['a megabyte in chunks', () => chunked(validBody.padEnd(1_000_000)), 413],
    ['bytes that are not gzip', () => post(validBody, { 'content-encoding': 'gzip' })],
    ['gzip cut short', () => post(gzipSync(validBody).subarray(0, -9), { 'content-encoding': 'gzip' })],
    [
      'a megabyte that gzip makes small',
      () => post(gzipSync(validBody.padEnd(1_000_000)), { 'content-encoding': 'gzip' }),
      413,
    ],
    ['an unknown encoding', () => post(validBody, { 'content-encoding': 'br' }), 415],
    ['lists 30,000 deep', () => post('['.repeat(30_000))],
    ['closed lists 30,000 deep', () => post('['.repeat(30_000) + ']'.repeat(30_000))],
  ])('%s', (_name, request, status) => expectRefusal(request(), status))

  test('262,144 bytes are accepted', async () => {
    const answers = [withLength, chunked].map((make) => service.handler(make(validBody.padEnd(262_144))))

    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200])
  })

  test('a gzipped request is accepted', async () => {
    const answer = await service.handler(post(gzipSync(validBody), { 'content-encoding': 'gzip' }))

    expect([answer.status, await answer.json()]).toEqual([200, { data: { __typename: 'Query' } }])
  })

  test.each<Case>([
    ['malformed JSON', () => post('{"query": ', { accept: 'application/json' })],
    ['no query', () => post('{}', { accept: 'application/json' })],
    ['a list', () => post('[]', { accept: 'application/json' })],
    ['too many bytes', () => post(' '.repeat(262_145), { accept: 'application/json' }), 413],
    ['a form', () => post(form, { 'content-type': 'text/plain', accept: 'application/json' }), 415],
  ])('%s is refused with that status also for a client that accepts only JSON', (_name, request, status) =>
    expectRefusal(request(), status),
  )
})

describe('a request that a page of another origin could send without a preflight is refused', () => {
  test.each<Case>([
    ['a form', () => post(form, { 'content-type': 'application/x-www-form-urlencoded' }), 415],
    ['a multipart form', () => post(multipart, { 'content-type': 'multipart/form-data; boundary=x' }), 415],
    ['plain text', () => post(JSON.stringify({ query: endRealm }), { 'content-type': 'text/plain' }), 415],
    ['the query itself', () => post(endRealm, { 'content-type': 'application/graphql' }), 415],
    ['a type that only begins like JSON', () => post(form, { 'content-type': 'application/jsonp' }), 415],
    ['JSON as the second type', () => post(form, { 'content-type': 'text/plain, application/json' }), 415],
    ['an empty type', () => post(JSON.stringify({ query: endRealm }), { 'content-type': '' }), 415],
    ['a mutation by GET', () => get({ query: endRealm }), 405],
    [
      'a mutation by GET, chosen by name',
      () => get({ query: `query A { __typename } ${endRealm.replace(' ', ' B ')}`, operationName: 'B' }),
      405,
    ],
    ['a GET without a query', () => get({ operationName: 'A' })],
    ['a GET with variables that are not JSON', () => get({ query: '{ __typename }', variables: '{' })],
    ['a GET with variables that are a string', () => get({ query: '{ __typename }', variables: '"a"' })],
    ['a GET with extensions that are not JSON', () => get({ query: '{ __typename }', extensions: 'x' })],
    ['a GET with wrong variables', () => get({ query: documents.introspect, variables: '{"token":["x"]}' })],
  ])('%s', (_name, request, status) => expectRefusal(request(), status))

  test.each(['PUT', 'PATCH', 'DELETE'])('%s', async (method) => {
    const response = await service.handler(new Request(url, { method, headers: json }))

    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, OPTIONS'])
  })

  test.each(['text/plain', 'image/png', 'application/xml, text/html', 'application/json; charset=latin1'])(
    'a mutation is refused, and has no effect, if its client accepts only %s',
    async (accept) => {
      const response = await service.handler(post(JSON.stringify({ query: endRealm }), { accept }))

      expect(response.status).toBe(406)
    },
  )
})

/** Each place for a text: its name, and a request with the text in that place. */
const names: [place: string, request: (text: string) => unknown][] = [
  ['createTokenPair realmName', (realmName) => create({ realmName, username: 'u' })],
  ['createTokenPair username', (username) => create({ realmName: 'r', username })],
  ['invalidateToken realmName', (realmName) => invalidate({ owner: { realmName } })],
  ['invalidateToken username', (username) => invalidate({ owner: { username } })],
  [
    'invalidateToken realmUser.realmName',
    (realmName) => invalidate({ owner: { realmUser: { realmName, username: 'u' } } }),
  ],
  [
    'invalidateToken realmUser.username',
    (username) => invalidate({ owner: { realmUser: { realmName: 'r', username } } }),
  ],
]
const tokens: typeof names = [
  ['invalidateToken token', (token) => invalidate({ token })],
  ['invalidateToken refreshToken', (refreshToken) => invalidate({ refreshToken })],
  ['refreshTokenPair refreshToken', (refreshToken) => refresh({ refreshToken })],
  ['introspectToken token', (token) => introspect(token)],
]
const scopes: typeof names = [
  ['createTokenPair scopes', (scope) => create({ realmName: 'r', username: 'u', scopes: ['read', scope] })],
]

const wrongTexts: readonly (readonly [name: string, text: string])[] = [
  ['an empty string', ''],
  ['a NUL', 'a\0b'],
  ['a NUL alone', '\0'],
  ['a high surrogate alone', 'a\ud800b'],
  ['a low surrogate alone', 'a\udc00'],
  ['surrogates in the wrong order', '\udc00\ud800'],
  ['a line break', 'a\nb'],
  ['a carriage return', 'a\r'],
  ['a tab', 'a\tb'],
  ['an escape sequence', '\u001b[31ma'],
  ['a DEL', 'a\u007f'],
  ['a C1 control character', 'a\u0085b'],
  ['a line separator', 'a\u2028b'],
  ['a paragraph separator', 'a\u2029b'],
  ['1,025 characters', 'a'.repeat(1025)],
  ['50,000 characters', 'a'.repeat(50_000)],
]
/** A name or a scope is kept, and shown to whoever may list. A token in its place is a mistake of its caller. */
const keptTokens: typeof wrongTexts = textsWithSecrets.map(([name, text]) => [name, text])
const wrongNames: typeof wrongTexts = [
  ...wrongTexts,
  ...keptTokens,
  ['256 characters', 'a'.repeat(256)],
  ['128 pairs of surrogates', '\u{1f511}'.repeat(128)],
  ['a space', ' '],
  ['a space before it', ' alice'],
  ['a space after it', 'alice '],
  ['an ideographic space after it', 'alice\u3000'],
  ['a byte order mark before it', '\ufeffalice'],
  ['a no-break space alone', '\u00a0'],
]
const wrongScopes: typeof wrongTexts = [
  ...wrongTexts,
  ...keptTokens,
  ['129 characters', 'a'.repeat(129)],
  ['a space', 'a b'],
  ['a quote', 'a"b'],
  ['a backslash', 'a\\b'],
  ['an umlaut', 'ü'],
]

describe('invalid text is refused', () => {
  test.each(names)('%s', (_place, request) => expectRefusals(wrongNames, request))
  test.each(tokens)('%s', (_place, request) => expectRefusals(wrongTexts, request))
  test.each(scopes)('%s', (_place, request) => expectRefusals(wrongScopes, request))

  /** `JSON.stringify` writes a lone surrogate as an escape, which GraphQL reads. */
  test('a name as a literal', () =>
    expectRefusals(wrongNames, (text) => inLiteral(`{ owner: { realmName: ${JSON.stringify(text)} } }`)))

  test('65 scopes', () =>
    expectRefusal(send(create({ realmName: 'r', username: 'u', scopes: Array(65).fill('read') }))))

  async function expectRefusals(texts: typeof wrongTexts, request: (text: string) => unknown): Promise<void> {
    for (const [name, text] of texts) await expectRefusal(send(request(text)), 400, name)
  }
})

describe('an input without exactly one field is refused', () => {
  test.each<[name: string, input: unknown]>([
    ['no field', {}],
    ['two fields', { token: 'x', refreshToken: 'y' }],
    ['three fields', { token: 'x', refreshToken: 'y', owner: { realmName: 'staff' } }],
    ['one field and a null', { token: 'x', refreshToken: null }],
    ['only a null', { token: null }],
    ['nulls', { token: null, refreshToken: null, owner: null }],
    ['an unknown field', { realmName: 'staff' }],
    ['one field and an unknown one', { token: 'x', session: 'y' }],
    ['an owner without a field', { owner: {} }],
    ['an owner with two fields', { owner: { realmName: 'staff', username: 'alice' } }],
    ['an owner with a null', { owner: { realmName: null } }],
    ['an owner with one field and a null', { owner: { realmName: 'staff', username: null } }],
    ['an owner that is null', { owner: null }],
    ['an owner that is a string', { owner: 'staff' }],
    ['an owner that is a list', { owner: [{ realmName: 'staff' }] }],
    ['a realm user without a username', { owner: { realmUser: { realmName: 'staff' } } }],
    ['a realm user without a realm', { owner: { realmUser: { username: 'alice' } } }],
    ['a realm user with nulls', { owner: { realmUser: { realmName: null, username: null } } }],
    ['a realm user without a field', { owner: { realmUser: {} } }],
  ])('%s, as a variable and as a literal', async (_name, input) => {
    await expectRefusal(send(invalidate(input)))
    await expectRefusal(send(inLiteral(asLiteral(input))))
  })

  test.each<[name: string, declared: string, input: string, variables: unknown]>([
    ['no value', '$v: String', '{ token: $v }', {}],
    ['null', '$v: String', '{ token: $v }', { v: null }],
    ['a value for an owner', '$v: String', '{ owner: { realmName: $v } }', { v: 'staff' }],
    ['a default', '$v: String = "x"', '{ token: $v }', { v: null }],
    ['a value, beside another field', '$v: String!', '{ token: $v, refreshToken: "y" }', { v: 'x' }],
    ['no value, beside another field', '$v: String', '{ owner: { realmName: "staff", username: $v } }', {}],
    ['no value for an owner', '$v: TokenOwnerInput', '{ owner: $v }', {}],
    ['no value in an owner', '$v: String', '{ owner: { realmName: $v } }', {}],
    ['no value in a realm user', '$v: String', '{ owner: { realmUser: { realmName: "staff", username: $v } } }', {}],
  ])('a nullable variable with %s in a literal', async (_name, declared, input, variables) => {
    const query = `mutation (${declared}) { invalidateToken(input: ${input}) { invalidatedTokens } }`

    await expectRefusal(send({ query, variables }))
  })
})

const wrongValues: readonly unknown[] = [
  ['x'],
  [],
  {},
  { a: 'x' },
  { a: { b: { c: {} } } },
  [[['x']]],
  12,
  -1,
  2 ** 53 + 2,
  true,
]

describe('a value of a wrong type is refused', () => {
  const places: readonly (readonly [string, (value: unknown) => unknown])[] = [
    ['invalidateToken input', invalidate],
    ['invalidateToken token', (token) => invalidate({ token })],
    ['invalidateToken refreshToken', (refreshToken) => invalidate({ refreshToken })],
    ['invalidateToken owner', (owner) => invalidate({ owner })],
    ['invalidateToken realmName', (realmName) => invalidate({ owner: { realmName } })],
    ['invalidateToken realmUser', (realmUser) => invalidate({ owner: { realmUser } })],
    [
      'invalidateToken realmUser.username',
      (username) => invalidate({ owner: { realmUser: { realmName: 'staff', username } } }),
    ],
    ['refreshTokenPair input', refresh],
    ['refreshTokenPair refreshToken', (refreshToken) => refresh({ refreshToken })],
    ['createTokenPair input', create],
    ['createTokenPair realmName', (realmName) => create({ realmName, username: 'u' })],
    ['createTokenPair scope', (scope) => create({ realmName: 'r', username: 'u', scopes: ['read', scope] })],
    ['introspectToken token', introspect],
  ]

  test.each(places)('%s', async (_place, request) => {
    for (const value of [...wrongValues, null]) await expectRefusal(send(request(value)))
  })

  test('createTokenPair scopes', async () => {
    for (const value of [{}, { a: 'read' }, 12, true, [12], [null], [['read']]])
      await expectRefusal(send(create({ realmName: 'r', username: 'u', scopes: value })))
  })

  test('createTokenPair withoutRefreshToken', async () => {
    for (const value of ['true', '', 0, 1, [], {}, [true]])
      await expectRefusal(send(create({ realmName: 'r', username: 'u', withoutRefreshToken: value })))
  })

  test('literals', async () => {
    for (const literal of [
      '12',
      '1.5',
      'true',
      'null',
      'x',
      '[]',
      '["x"]',
      '{}',
      '{ a: "x" }',
      '$v',
      '"""',
      '"\\ud800"',
    ])
      for (const input of [literal, `{ token: ${literal} }`, `{ owner: { realmName: ${literal} } }`])
        await expectRefusal(send(inLiteral(input)))
  })
})

const cycle = '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }'
const many = (count: number, piece: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => piece(n)).join(' ')

describe('an operation that cannot run is refused', () => {
  test.each<[name: string, body: unknown]>([
    ['a name that no operation has', { query: 'query A { __typename }', operationName: 'B' }],
    ['no name among several operations', { query: 'query A { __typename } query B { __typename }' }],
    ['a name that is a list', { query: 'query A { __typename }', operationName: ['A'] }],
    ['a name that is an object', { query: 'query A { __typename }', operationName: { a: 'A' } }],
    ['a subscription', { query: 'subscription { tokenInvalidated }' }],
    ['type definitions', { query: 'type Query { a: Int }' }],
    ['only a fragment', { query: 'fragment A on Query { __typename }' }],
    ['an unknown field', { query: '{ tokens }' }],
    ['an unknown argument', { query: '{ introspectToken(token: "x", realm: "y") { active } }' }],
    ['an argument twice', { query: '{ introspectToken(token: "x", token: "y") { active } }' }],
    ['a missing argument', { query: '{ introspectToken { active } }' }],
    ['a missing variable', { query: documents.introspect }],
    ['an undeclared variable', { query: '{ introspectToken(token: $token) { active } }' }],
    ['a variable of an unknown type', { query: 'query ($a: Token!) { introspectToken(token: $a) { active } }' }],
    [
      'a variable of another type',
      { query: 'query ($a: Int!) { introspectToken(token: $a) { active } }', variables: { a: 1 } },
    ],
    ['an unknown directive', { query: '{ __typename @defer }' }],
    ['a directive a thousand times', { query: `{ __typename ${'@skip(if: true) '.repeat(999)} }` }],
    ['fragments in a cycle', { query: cycle }],
    ['a fragment within itself', { query: '{ ...A } fragment A on Query { ...A }' }],
    ['fields 20,000 deep', { query: '{a'.repeat(20_000) }],
    ['fields 330 deep', { query: '{a'.repeat(330) + '}'.repeat(330) }],
    ['a list 30,000 deep', { query: `{ introspectToken(token: ${'['.repeat(30_000)}` }],
    ['a list 480 deep', { query: `{ introspectToken(token: ${'['.repeat(480)}${']'.repeat(480)}) { active } }` }],
    ['an object 320 deep', inLiteral(`${'{owner:'.repeat(320)}1${'}'.repeat(320)}`)],
    ['3,000 aliases', { query: `{ ${many(3000, (n) => `a${n}: __typename`)} }` }],
    ['300 tokens at once', { query: `{ ${many(300, (n) => `a${n}: introspectToken(token: "x") { active }`)} }` }],
    ['10,000 fields', { query: `{ ${'__typename '.repeat(5000)} }` }],
    ['900 unknown fields', { query: `{ ${many(900, (n) => `invalidateToke${n}`)} }` }],
    ['one unknown field 900 times', { query: `{ ${'a '.repeat(900)} }` }],
    ['2,000 variables', { query: `query (${many(2000, (n) => `$a${n}: Int`)}) { __typename }` }],
    ['2,000 operations', { query: many(2000, (n) => `query A${n} { __typename }`) }],
    ['a name of 60,000 characters', { query: `{ ${'a'.repeat(60_000)} }` }],
    ['a variable 30,000 deep', invalidateDeep('[', '1', ']', 30_000)],
    ['an object as a variable 6,000 deep', invalidateDeep('{"owner":', '1', '}', 6000)],
    [
      '6,000 fields in a variable',
      invalidate(Object.fromEntries(Array.from({ length: 6000 }, (_, n) => [`k${n}`, 1]))),
    ],
    ['20,000 wrong scopes', create({ realmName: 'r', username: 'u', scopes: Array(20_000).fill(1) })],
    [
      'introspection in cycles',
      { query: `{ __schema { types { ${'fields { type { '.repeat(8)} name ${'} } '.repeat(8)} } } }` },
    ],
    ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'toJSON', 'then'].flatMap(
      (key): [string, unknown][] => [
        [`${key} as a parameter`, `{ "query": "{ __typename }", "${key}": { "query": "x" } }`],
        [`${key} as an operation's name`, `{ "query": "query A { __typename }", "operationName": "${key}" }`],
        [
          `${key} as a field of the input`,
          `{ "query": "${documents.invalidate}", "variables": { "input": { "${key}": { "token": "x" } } } }`,
        ],
        [
          `${key} beside a field of the input`,
          `{ "query": "${documents.invalidate}", "variables": { "input": { "token": "x", "${key}": 1 } } }`,
        ],
        [
          `${key} in place of the variable`,
          `{ "query": "${documents.invalidate}", "variables": { "${key}": { "input": { "token": "x" } } } }`,
        ],
        [`${key} as a field`, { query: `{ ${key} }` }],
        [`${key} as an argument`, { query: `{ introspectToken(token: "x", ${key}: 1) { active } }` }],
        [`${key} as a directive`, { query: `{ __typename @${key} }` }],
        [`${key} as a type`, { query: `{ ... on ${key} { a } }` }],
      ],
    ),
  ])('%s', (_name, body) => expectRefusal(typeof body === 'string' ? post(body) : send(body)))

  function invalidateDeep(open: string, middle: string, close: string, depth: number): string {
    const value = open.repeat(depth) + middle + close.repeat(depth)
    return `{ "query": "${documents.invalidate}", "variables": { "input": ${value} } }`
  }
})

describe('an unusual but harmless request is answered, and changes nothing', () => {
  test.each<[name: string, data: unknown, body: unknown]>([
    ['white space as a token', { invalidateToken: { invalidatedTokens: 0 } }, invalidate({ token: ' ' })],
    [
      'an unknown refresh token',
      { refreshTokenPair: { __typename: 'RefreshTokenRejected' } },
      refresh({ refreshToken: 'x' }),
    ],
    ['1,024 characters as a token', { introspectToken: { active: false } }, introspect('a'.repeat(1024))],
    ['SQL as a token', { invalidateToken: { invalidatedTokens: 0 } }, inLiteral('{ token: "' + "' or 1=1 --" + '" }')],
    ['variables that are not declared', { __typename: 'Query' }, { query: '{ __typename }', variables: { x: 1 } }],
    [
      '__proto__ in extensions',
      { __typename: 'Query' },
      '{ "query": "{ __typename }", "extensions": { "__proto__": { "a": 1 } } }',
    ],
    [
      'extensions 15,000 deep',
      { __typename: 'Query' },
      `{ "query": "{ __typename }", "extensions": { "a": ${'['.repeat(15_000)}${']'.repeat(15_000)} } }`,
    ],
    [
      'fragments that double 80 times',
      { __typename: 'Query' },
      {
        query: `{ ...F0 } ${many(80, (n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`)} fragment F80 on Query { __typename }`,
      },
    ],
    ['a byte order mark', { __typename: 'Query' }, `\ufeff${validBody}`],
    [
      'a variable called constructor',
      { introspectToken: { active: false } },
      { query: documents.introspect.replaceAll('$token', '$constructor'), variables: { constructor: 'x' } },
    ],
  ])('%s', async (_name, data, body) => {
    const response = await service.handler(typeof body === 'string' ? post(body) : send(body))

    expect([response.status, await response.json()]).toEqual([200, { data }])
  })

  test('a forged token with a correct checksum, whatever its key and its expiry', async () => {
    const keys = [live, { slot: 0, id: 0 }, { slot: 8, id: 1 }, { slot: 255, id: 2 ** 48 - 1 }]
    const times = [0, live.expiresAt.getTime(), 2 ** 48 - 1]
    for (const [key, expiresAt] of keys.flatMap((key) => times.map((time) => [key, new Date(time)] as const))) {
      const forged = mintSecrets()
      const token = forged.accessToken(key, expiresAt)
      const refreshToken = forged.refreshToken(key, expiresAt)
      const bodies = [
        invalidate({ token }),
        invalidate({ refreshToken }),
        introspect(token),
        introspect(refreshToken),
        refresh({ refreshToken }),
      ]

      const answers = await Promise.all(bodies.map(async (body) => (await service.handler(send(body))).json()))

      expect(answers).toEqual([
        { data: { invalidateToken: { invalidatedTokens: 0 } } },
        { data: { invalidateToken: { invalidatedTokens: 0 } } },
        { data: { introspectToken: { active: false } } },
        { data: { introspectToken: { active: false } } },
        { data: { refreshTokenPair: { __typename: 'RefreshTokenRejected' } } },
      ])
    }
  })

  test('Object.prototype is unchanged', () => {
    expect(Object.keys(Object.prototype)).toEqual([])
    expect('query' in {} || 'token' in {} || 'a' in {}).toBe(false)
  })
})

/** The value as a GraphQL literal. */
function asLiteral(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(asLiteral).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key}: ${asLiteral(inner)}`)
    .join(', ')} }`
}
