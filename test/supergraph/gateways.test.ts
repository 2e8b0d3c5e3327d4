import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Listening } from '../../examples/supergraph/listen.ts'
import { startUsers, usersSdl } from '../../examples/supergraph/users.ts'
import type { ServiceEvent } from '../../src/events/events.ts'
import { optionalDirectives } from '../../src/graph/optional-directives.ts'
import { createSdl } from '../../src/graph/schema.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { composers } from '../support/composers.ts'
import { readEvents } from '../support/event-stream.ts'
import { type RunningGateway, startApolloGateway, startHiveGateway } from '../support/gateways.ts'
import { admin, asAdmin, openTestService, type TestService } from '../support/service.ts'

let service: TestService
let server: RunningServer
let users: Listening

/** Starts a server with both the fast path and the full path. */
async function serve(): Promise<RunningServer> {
  const { tokens } = service
  const emit = (event: ServiceEvent) => service.reports.push(event)
  const routes = createRoutes({ tokens, emit, assertReady: service.database.ping })
  return startServer({ routes, port: 0, host: '127.0.0.1', emit })
}

beforeAll(async () => {
  service = await openTestService()
  server = await serve()
  users = await startUsers(0)
})
beforeEach(() => service.clear())
afterAll(async () => {
  await users.stop()
  await server.stop()
  await service.close()
})

const createPair = `mutation ($input: CreateTokenPairInput!) {
  createTokenPair(input: $input) { accessToken refreshToken tokenType expiresIn refreshExpiresAt scopes session { id username } }
}`
const refreshPair = `mutation ($input: RefreshTokenPairInput!) {
  refreshTokenPair(input: $input) {
    __typename
    ... on TokenPair { accessToken session { id realmName username } }
    ... on RefreshTokenRejected { code message }
  }
}`
const invalidate = `mutation ($input: InvalidateTokenInput!) {
  invalidateToken(input: $input) { invalidatedTokens previouslyInvalidatedTokens errorCount errorDetails { type } }
}`
const invalidateByMembers = `mutation ($token: String, $refreshToken: String) {
  invalidateToken(input: { token: $token, refreshToken: $refreshToken }) { invalidatedTokens }
}`
const end = `mutation ($input: InvalidateTokenInput!, $options: InvalidateTokenOptions) {
  invalidateToken(input: $input, options: $options) { invalidatedTokens revocation { id reason } }
}`
const log = '{ revocations { nodes { id reason } pageInfo { hasNextPage } } }'
const introspect = 'query ($token: String!) { introspectToken(token: $token) { active username session { id } } }'
const join = '{ user(id: 1) { name tokenOwner { sessions { nodes { id device { label } isCurrent } } } } }'

const alice = { realmName: 'demo', username: 'alice' }
const bearer = ({ accessToken }: IssuedPair) => `Bearer ${accessToken}`
const counts = (invalidatedTokens: number, previouslyInvalidatedTokens: number) => ({
  invalidateToken: { invalidatedTokens, previouslyInvalidatedTokens, errorCount: 0, errorDetails: null },
})

function compose(composer: string, sdl = createSdl()): string {
  const composed = composers[composer]?.([
    { name: 'tokens', url: `${server.origin}/graphql`, sdl },
    { name: 'users', url: users.url, sdl: usersSdl },
  ])
  return composed?.supergraph ?? ''
}

describe.each([
  ['Hive Gateway on the Guild’s supergraph', 'the Guild', startHiveGateway],
  ['Hive Gateway on Apollo’s supergraph', 'Apollo', startHiveGateway],
  ['Apollo Gateway', 'Apollo', startApolloGateway],
] as const)('through %s', (_name, composer, start) => {
  let gateway: RunningGateway
  let pair: IssuedPair
  beforeAll(async () => {
    gateway = await start(compose(composer))
  })
  beforeEach(async () => {
    pair = await service.tokens.issue(
      { owner: { realm: 'demo', username: 'alice' }, device: { label: 'laptop' } },
      admin,
    )
  })
  afterAll(() => gateway.stop())

  async function ask(query: string, variables: unknown = {}, authorization?: string) {
    const headers = { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) }
    const response = await gateway.post(JSON.stringify({ query, variables }), headers)
    const { data, errors = [] } = await response.json()
    const codes: readonly unknown[] = errors.map((error: GraphqlErrorLike) => error.extensions?.code)
    return { data, codes }
  }

  test('a login service creates a pair', async () => {
    const { data } = await ask(createPair, { input: { ...alice, scopes: ['read'] } }, asAdmin)

    expect(data.createTokenPair).toMatchObject({
      tokenType: 'Bearer',
      expiresIn: 1200,
      scopes: ['read'],
      session: { username: 'alice' },
    })
  })

  test('a pair is not created without credentials, nor with those of an owner', async () => {
    expect(await ask(createPair, { input: alice })).toEqual({ data: null, codes: ['UNAUTHENTICATED'] })
    expect(await ask(createPair, { input: alice }, bearer(pair))).toEqual({ data: null, codes: ['FORBIDDEN'] })
  })

  test('a refresh token is exchanged for a pair, and an invalid one is rejected by a member of the union', async () => {
    const refreshed = await ask(refreshPair, { input: { refreshToken: pair.refresh?.token } })
    const rejected = await ask(refreshPair, { input: { refreshToken: 'garbage' } })

    expect(refreshed.data.refreshTokenPair).toMatchObject({
      __typename: 'TokenPair',
      session: { id: String(pair.session.id), ...alice },
    })
    expect(rejected.data.refreshTokenPair).toMatchObject({ __typename: 'RefreshTokenRejected', code: 'INVALID' })
  })

  test('an access token, a refresh token and an owner are invalidated', async () => {
    const byToken = { input: { token: pair.accessToken } }
    const byOwner = { input: { owner: { realmUser: alice } } }

    expect(await ask(invalidate, byToken)).toEqual({ data: counts(1, 0), codes: [] })
    expect(await ask(invalidate, byToken)).toEqual({ data: counts(0, 1), codes: [] })
    expect(await ask(invalidate, byOwner, asAdmin)).toEqual({ data: counts(1, 1), codes: [] })
    expect((await ask(invalidate, { input: { refreshToken: pair.refresh?.token } })).data).toEqual(counts(0, 1))
  })

  test('an owner can end their own tokens, and no other owner’s', async () => {
    const bobs = { input: { owner: { realmUser: { ...alice, username: 'bob' } } } }

    expect((await ask(invalidate, bobs, bearer(pair))).codes).toEqual(['FORBIDDEN'])
    expect((await ask(invalidate, { input: { owner: { realmUser: alice } } }, bearer(pair))).data).toEqual(counts(2, 0))
    expect((await ask('{ currentToken { active } }', {}, bearer(pair))).codes).toEqual(['UNAUTHENTICATED'])
  })

  test('a token is introspected by a caller with the scope, and by no anonymous caller', async () => {
    const { data } = await ask(introspect, { token: pair.accessToken }, asAdmin)

    expect(data).toEqual({
      introspectToken: { active: true, username: 'alice', session: { id: String(pair.session.id) } },
    })
    expect((await ask(introspect, { token: pair.accessToken })).codes).toEqual(['UNAUTHENTICATED'])
  })

  test('a user in another subgraph is joined to their sessions', async () => {
    const phone = await service.tokens.issue({ owner: { realm: 'demo', username: 'alice' } }, admin)

    const nodes = [
      { id: String(phone.session.id), device: { label: null }, isCurrent: false },
      { id: String(pair.session.id), device: { label: 'laptop' }, isCurrent: true },
    ]
    expect(await ask(join, {}, bearer(pair))).toEqual({
      data: { user: { name: 'Alice', tokenOwner: { sessions: { nodes } } } },
      codes: [],
    })
  })

  test('an administrator sees the sessions of all users', async () => {
    const { data } = await ask('{ users { name tokenOwner { sessions { nodes { id } } } } }', {}, asAdmin)

    expect(data.users).toEqual([
      { name: 'Alice', tokenOwner: { sessions: { nodes: [{ id: String(pair.session.id) }] } } },
      { name: 'Bob', tokenOwner: { sessions: { nodes: [] } } },
    ])
  })

  test('a caller that may not see the sessions is refused them, and gets the rest of the answer', async () => {
    const bob = await service.tokens.issue({ owner: { realm: 'demo', username: 'bob' } }, admin)
    const data = { user: { name: 'Alice', tokenOwner: null } }

    expect(await ask(join, {}, bearer(bob))).toEqual({ data, codes: ['FORBIDDEN'] })
    expect(await ask(join)).toEqual({ data, codes: ['UNAUTHENTICATED'] })
  })

  test('one session is ended by its id, and the revocation log has the reason', async () => {
    const input = { session: String(pair.session.id) }
    const { data } = await ask(end, { input, options: { reason: 'CREDENTIAL_COMPROMISE' } }, asAdmin)

    expect(data.invalidateToken).toMatchObject({
      invalidatedTokens: 2,
      revocation: { reason: 'CREDENTIAL_COMPROMISE' },
    })
    expect((await ask(log, {}, asAdmin)).data).toEqual({
      revocations: { nodes: [data.invalidateToken.revocation], pageInfo: { hasNextPage: false } },
    })
  })

  test('a oneOf with two members, none or a null is refused without effect', async () => {
    const token = pair.accessToken
    const refreshToken = pair.refresh?.token
    const violations: readonly (readonly [query: string, variables: unknown])[] = [
      [invalidate, { input: { token, refreshToken } }],
      [invalidate, { input: {} }],
      [invalidate, { input: { token: null } }],
      [invalidate, { input: { owner: { ...alice } } }],
      [invalidate, { input: { owner: {} } }],
      [invalidateByMembers, { token, refreshToken }],
      [invalidateByMembers, { token }],
    ]
    for (const [query, variables] of violations) {
      const { data, codes } = await ask(query, variables, asAdmin)

      expect(data ?? null).toBeNull()
      expect(codes).toHaveLength(1)
    }

    expect((await ask('{ currentToken { active } }', {}, bearer(pair))).data).toEqual({
      currentToken: { active: true },
    })
  })

  test('callers of a gateway cannot use the fields that are meant for the gateway itself', async () => {
    const { data, codes } = await ask('{ _entities(representations: []) { __typename } }', {}, asAdmin)

    expect(data ?? null).toBeNull()
    expect(codes).toEqual(['GRAPHQL_VALIDATION_FAILED'])
  })

  test('the service reported no unexpected error in any of these tests', async () => {
    expect(service.reports).toEqual([])
  })
})

test('a page behind Hive Gateway is notified of its logout, and its stream completes', async () => {
  const { accessToken } = await service.tokens.issue({ owner: { realm: 'demo', username: 'alice' } }, admin)
  const hive = await startHiveGateway(compose('the Guild'))
  const body = JSON.stringify({ query: 'subscription { tokenInvalidated { selector username } }' })
  const page = readEvents(
    await hive.post(body, {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${accessToken}`,
    }),
  )
  const notification = page.next()

  await service.tokens.invalidate({ kind: 'access-token', token: accessToken }, admin)

  expect(await notification).toEqual({ data: { tokenInvalidated: { selector: 'ACCESS_TOKEN', username: 'alice' } } })
  expect(await page.next()).toBe('complete')
  await hive.stop()
})

test('Apollo Gateway with automatic persisted queries gets its answers, also to a mutation', async () => {
  const gateway = await startApolloGateway(compose('Apollo'), { apq: true })
  const headers = { 'content-type': 'application/json', authorization: asAdmin }
  const send = async (query: string) => (await gateway.post(JSON.stringify({ query }), headers)).json()

  const [created, sessions] = [
    await send('mutation { createTokenPair(input: { realmName: "demo", username: "alice" }) { expiresIn } }'),
    await send('{ tokenSessions(filter: { owner: { realmName: "demo" } }) { nodes { username } } }'),
  ]
  await gateway.stop()

  expect(created).toEqual({ data: { createTokenPair: { expiresIn: 1200 } } })
  expect(sessions).toEqual({ data: { tokenSessions: { nodes: [{ username: 'alice' }] } } })
})

test('Hive Gateway serves all optional directives; Apollo Gateway does not load @authenticated', async () => {
  const supergraph = compose('Apollo', createSdl({ directives: optionalDirectives }))
  const hive = await startHiveGateway(supergraph)

  const body = JSON.stringify({ query: createPair, variables: { input: alice } })
  const answer = await hive.post(body, { 'content-type': 'application/json', authorization: asAdmin })
  await hive.stop()

  expect((await answer.json()).data.createTokenPair.session.username).toBe('alice')
  await expect(startApolloGateway(supergraph)).rejects.toThrow('authenticated')
  const others = await startApolloGateway(compose('Apollo', createSdl({ directives: ['tag', 'cost'] })))
  await others.stop()
})

interface GraphqlErrorLike {
  readonly extensions?: { readonly code?: string }
}
