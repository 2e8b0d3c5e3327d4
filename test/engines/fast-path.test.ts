import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createSchema } from '../../src/graph/schema.ts'
import { createFastPath, type FastPath } from '../../src/http/graphql/fast-path.ts'
import { admin, asAdmin, openTestService, type TestService } from '../support/service.ts'

let service: TestService
let fastPath: FastPath
beforeAll(async () => {
  service = await openTestService()
  fastPath = createFastPath({
    schema: createSchema(),
    tokens: service.tokens,
    emit: (event) => service.reports.push(event),
  })
})
beforeEach(() => service.clear())
afterAll(() => service.close())

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

type Headers = Readonly<Record<string, string>>
const json: Headers = { 'content-type': 'application/json' }
const graphqlJson: Headers = { ...json, accept: 'application/graphql-response+json' }

async function goLong(body: string | Uint8Array<ArrayBuffer>, headers: Headers): Promise<Answer> {
  const response = await service.handler(new Request('http://localhost/graphql', { method: 'POST', headers, body }))
  const headersOf = [...response.headers].map(([name, value]) => [name.toLowerCase(), value])
  const { 'content-length': _, ...kept } = Object.fromEntries(headersOf)
  return { status: response.status, headers: kept, body: await response.text() }
}

async function goShort(body: string | Uint8Array<ArrayBuffer>, headers: Headers): Promise<Answer | undefined> {
  const bytes = Buffer.from(body)
  if (!fastPath.accepts({ 'content-length': String(bytes.byteLength), ...headers })) return undefined
  return fastPath.answer(headers, bytes)
}

/** Tokens, ids and instants differ from pair to pair. */
const masked = ({ body, ...answer }: Answer) => ({
  ...answer,
  body: body.replaceAll(/it[ar]_[\w-]+|\d{4}-\d\d-\d\dT[\d:.]+Z|"id":"\d+"/g, '…'),
})

const invalidate =
  'mutation M($input: InvalidateTokenInput!) { invalidateToken(input: $input) { invalidatedTokens previouslyInvalidatedTokens errorCount errorDetails { type reason } } }'
const create =
  'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { accessToken refreshToken tokenType expiresIn refreshExpiresAt scopes session { id realmName username } } }'
const refresh =
  'mutation ($input: RefreshTokenPairInput!) { refreshTokenPair(input: $input) { __typename ... on TokenPair { accessToken } ... on RefreshTokenRejected { code message } } }'
const introspect =
  'query ($token: String!) { introspectToken(token: $token) { active realmName username scopes issuedAt expiresAt clientId session { id } } }'
const current = '{ currentToken { active username } }'
const entities = 'query ($of: [_Any!]!) { _entities(representations: $of) { ... on TokenSession { id username } } }'
const alice = { realmName: 'staff', username: 'alice' }

/** What each way is given: a fresh pair of its own, so that both find the same. */
interface Case {
  readonly name: string
  readonly ask: (
    token: string,
    refreshToken: string,
  ) => { readonly query: string; readonly variables?: unknown; readonly operationName?: string }
  readonly authorization?: (token: string) => string
}

const client = () => asAdmin
const bearer = (token: string) => `Bearer ${token}`
const cases: readonly Case[] = [
  { name: 'an access token', ask: (token) => ({ query: invalidate, variables: { input: { token } } }) },
  {
    name: 'a refresh token',
    ask: (_, refreshToken) => ({ query: invalidate, variables: { input: { refreshToken } }, operationName: 'M' }),
  },
  { name: 'an unknown token', ask: () => ({ query: invalidate, variables: { input: { token: 'garbage' } } }) },
  { name: 'an empty token', ask: () => ({ query: invalidate, variables: { input: { token: '' } } }) },
  {
    name: 'an owner by nobody',
    ask: () => ({ query: invalidate, variables: { input: { owner: { realmName: 'staff' } } } }),
  },
  {
    name: 'an owner by a client',
    ask: () => ({ query: invalidate, variables: { input: { owner: { realmUser: alice } } } }),
    authorization: client,
  },
  {
    name: 'an owner by themselves',
    ask: () => ({ query: invalidate, variables: { input: { owner: { realmUser: alice } } } }),
    authorization: bearer,
  },
  {
    name: 'an owner by another',
    ask: () => ({ query: invalidate, variables: { input: { owner: { username: 'bob' } } } }),
    authorization: bearer,
  },
  {
    name: 'a new pair',
    ask: () => ({ query: create, variables: { input: { ...alice, scopes: ['a', 'b'] } } }),
    authorization: client,
  },
  {
    name: 'a new pair with a wrong name',
    ask: () => ({ query: create, variables: { input: { ...alice, realmName: ' \u0000' } } }),
    authorization: client,
  },
  { name: 'a new pair by nobody', ask: () => ({ query: create, variables: { input: alice } }) },
  { name: 'a refresh', ask: (_, refreshToken) => ({ query: refresh, variables: { input: { refreshToken } } }) },
  { name: 'a refresh with garbage', ask: () => ({ query: refresh, variables: { input: { refreshToken: 'x' } } }) },
  { name: 'an introspection', ask: (token) => ({ query: introspect, variables: { token } }), authorization: client },
  {
    name: 'an introspection of garbage',
    ask: () => ({ query: introspect, variables: { token: 'x' } }),
    authorization: client,
  },
  { name: 'an introspection by nobody', ask: (token) => ({ query: introspect, variables: { token } }) },
  { name: 'the current token', ask: () => ({ query: current }), authorization: bearer },
  { name: 'no current token', ask: () => ({ query: current }) },
  { name: 'wrong credentials', ask: () => ({ query: current }), authorization: () => 'Basic YTpi' },
  { name: 'unreadable credentials', ask: () => ({ query: current }), authorization: () => 'Digest x' },
  {
    name: 'two fields, one of them refused',
    ask: (token) => ({
      query: `query ($token: String!) { currentToken { active } introspectToken(token: $token) { active } }`,
      variables: { token },
    }),
    authorization: bearer,
  },
  {
    name: 'an alias and __typename',
    ask: () => ({ query: '{ __typename mine: currentToken { on: active } }' }),
    authorization: bearer,
  },
  {
    name: 'a gateway’s join',
    ask: () => ({ query: entities, variables: { of: [{ __typename: 'TokenSession', id: '1' }] } }),
    authorization: bearer,
  },
  {
    name: 'a join by nobody',
    ask: () => ({ query: entities, variables: { of: [{ __typename: 'TokenSession', id: '1' }] } }),
  },
  { name: 'a join of what is no entity', ask: () => ({ query: entities, variables: { of: [{}, 1] } }) },
  { name: 'a subgraph’s schema', ask: () => ({ query: '{ _service { sdl } }' }) },
  {
    name: 'introspection of the schema',
    ask: () => ({ query: '{ __schema { queryType { name fields { name } } } }' }),
  },
]

describe('both ways answer alike, to the byte', () => {
  test.each(cases)('$name', async ({ ask, authorization }) => {
    for (const headers of [json, graphqlJson, { ...json, accept: '*/*' }, { ...json, accept: 'application/json' }]) {
      const prepare = async () => {
        const pair = await service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
        const asked = ask(pair.accessToken, pair.refresh?.token ?? '')
        const who: Headers = authorization === undefined ? {} : { authorization: authorization(pair.accessToken) }
        return { body: JSON.stringify(asked), headers: { ...headers, ...who } }
      }
      const one = await prepare()
      const long = await goLong(one.body, one.headers)
      const other = await prepare()
      const short = await goShort(other.body, other.headers)

      expect(short && masked(short)).toEqual(masked(long))
    }
    expect(service.reports).toEqual([])
  })
})

describe('what is not certain beforehand goes the long way, and nothing was done', () => {
  const valid = { query: invalidate, variables: { input: { token: 'x' } } }
  test.each([
    ['a literal that may be a token', { query: '{ introspectToken(token: "x") { active } }' }],
    ['a syntax error', { query: '{' }],
    ['an unknown field', { query: '{ nothing }' }],
    ['two operations', { query: 'query A { __typename } query B { __typename }' }],
    ['another operation’s name', { ...valid, operationName: 'Other' }],
    ['variables that do not fit', { ...valid, variables: { input: { token: ['x'] } } }],
    ['both members of a oneOf', { ...valid, variables: { input: { token: 'x', refreshToken: 'y' } } }],
    ['a variable that is missing', { query: invalidate }],
    ['variables that are a list', { ...valid, variables: [] }],
    ['extensions', { ...valid, extensions: {} }],
    ['an unknown parameter', { ...valid, more: 1 }],
    ['a list of operations', [valid]],
    ['no query', {}],
    ['nothing', null],
  ])('%s', async (_name, body) => {
    expect(await goShort(JSON.stringify(body), json)).toBeUndefined()
  })

  test.each([
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['no JSON', Buffer.from('{')],
    ['a byte order mark', Buffer.from('\ufeff{"query":"{ __typename }"}')],
  ])('%s', async (_name, body) => {
    expect(await goShort(body, json)).toBeUndefined()
  })

  test.each<Headers>([
    { ...json, origin: 'https://example.org' },
    { ...json, accept: 'text/html' },
    { ...json, accept: 'application/json, */*' },
    { ...json, 'content-encoding': 'gzip' },
    { ...json, 'content-length': '65537' },
    { ...json, 'content-length': 'many' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json; charset=utf-16' },
    {},
  ])('the headers %j', async (headers) => {
    expect(await goShort(JSON.stringify(valid), headers)).toBeUndefined()
  })
})
