import { beforeAll, describe, expect, test } from 'vitest'
import { createSchema } from '../../src/graph/schema.ts'
import { defaultGraphqlBytes } from '../../src/http/body.ts'
import { openExposure } from '../../src/http/exposure.ts'
import { createDocuments, defaultMaxCost } from '../../src/http/graphql/documents.ts'
import { createFastPath, type FastPath } from '../../src/http/graphql/fast-path.ts'
import { createRateLimits, defaultRateLimits } from '../../src/http/rate-limits.ts'
import { createRequestContext } from '../../src/http/request-context.ts'
import { admin, asAdmin, useTestService } from '../support/service.ts'

const service = useTestService()
let fastPath: FastPath
beforeAll(() => {
  const schema = createSchema()
  fastPath = createFastPath({
    schema,
    documents: createDocuments({ schema, maxCost: defaultMaxCost }),
    tokens: service.tokens,
    limits: createRateLimits(defaultRateLimits, service),
    exposure: openExposure,
    maxBodyBytes: defaultGraphqlBytes,
    emit: service.emit,
  })
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

type Headers = Readonly<Record<string, string>>
const json: Headers = { 'content-type': 'application/json' }
const graphqlJson: Headers = { ...json, accept: 'application/graphql-response+json' }

async function answerByFullPath(body: string | Uint8Array<ArrayBuffer>, headers: Headers): Promise<Answer> {
  const response = await service.handler(new Request('http://localhost/graphql', { method: 'POST', headers, body }))
  const entries = [...response.headers].map(([name, value]) => [name.toLowerCase(), value])
  // The server adds these on both paths.
  const { 'content-length': _length, 'x-request-id': _id, ...kept } = Object.fromEntries(entries)
  return { status: response.status, headers: kept, body: await response.text() }
}

async function answerByFastPath(body: string | Uint8Array<ArrayBuffer>, headers: Headers): Promise<Answer | undefined> {
  const bytes = Buffer.from(body)
  if (!fastPath.accepts({ 'content-length': String(bytes.byteLength), ...headers })) return undefined
  const context = createRequestContext({ isAwaited: () => true, openSignal: () => new AbortController().signal })
  return fastPath.answer(headers, bytes, context)
}

/** Replaces tokens, ids and instants, which differ from pair to pair. */
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

/** Each path gets a new pair of its own, so that both find the same state. */
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
    name: 'an owner by an anonymous caller',
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
  { name: 'a new pair by an anonymous caller', ask: () => ({ query: create, variables: { input: alice } }) },
  { name: 'a refresh', ask: (_, refreshToken) => ({ query: refresh, variables: { input: { refreshToken } } }) },
  { name: 'a refresh with garbage', ask: () => ({ query: refresh, variables: { input: { refreshToken: 'x' } } }) },
  { name: 'an introspection', ask: (token) => ({ query: introspect, variables: { token } }), authorization: client },
  {
    name: 'an introspection of garbage',
    ask: () => ({ query: introspect, variables: { token: 'x' } }),
    authorization: client,
  },
  { name: 'an introspection by an anonymous caller', ask: (token) => ({ query: introspect, variables: { token } }) },
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
    name: 'a join by an anonymous caller',
    ask: () => ({ query: entities, variables: { of: [{ __typename: 'TokenSession', id: '1' }] } }),
  },
  { name: 'a join of what is not an entity', ask: () => ({ query: entities, variables: { of: [{}, 1] } }) },
  { name: 'a subgraph’s schema', ask: () => ({ query: '{ _service { sdl } }' }) },
  {
    name: 'introspection of the schema',
    ask: () => ({ query: '{ __schema { queryType { name fields { name } } } }' }),
  },
]

describe('the fast path and the full path give the same answer, to the byte', () => {
  test.each(cases)('$name', async ({ ask, authorization }) => {
    for (const headers of [json, graphqlJson, { ...json, accept: '*/*' }, { ...json, accept: 'application/json' }]) {
      const prepare = async () => {
        const pair = await service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
        const operation = ask(pair.accessToken, pair.refresh?.token ?? '')
        const credentials: Headers = authorization ? { authorization: authorization(pair.accessToken) } : {}
        return { body: JSON.stringify(operation), headers: { ...headers, ...credentials } }
      }
      const first = await prepare()
      const full = await answerByFullPath(first.body, first.headers)
      const second = await prepare()
      const fast = await answerByFastPath(second.body, second.headers)

      expect(fast && masked(fast)).toEqual(masked(full))
    }
    expect(service.reports).toEqual([])
  })
})

describe('the fast path takes no request with', () => {
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
    ['a body without a query', {}],
    ['null as its body', null],
  ])('%s', async (_name, body) => {
    expect(await answerByFastPath(JSON.stringify(body), json)).toBeUndefined()
  })

  test.each([
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['text that is not JSON', Buffer.from('{')],
    ['a byte order mark', Buffer.from('\ufeff{"query":"{ __typename }"}')],
  ])('%s', async (_name, body) => {
    expect(await answerByFastPath(body, json)).toBeUndefined()
  })

  test.each<Headers>([
    { ...json, origin: 'https://example.org' },
    { ...json, accept: 'text/html' },
    { ...json, accept: 'application/json, */*' },
    { ...json, 'content-encoding': 'gzip' },
    { ...json, 'content-length': '262145' },
    { ...json, 'content-length': 'many' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json; charset=utf-16' },
    {},
  ])('the headers %j', async (headers) => {
    expect(await answerByFastPath(JSON.stringify(valid), headers)).toBeUndefined()
  })
})
