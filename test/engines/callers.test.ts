import { beforeAll, describe, expect, test } from 'vitest'
import * as entry from '../../src/index.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import { answerLookups } from '../../src/tokens/answer-lookups.ts'
import { adminScopes, digestClientSecret } from '../../src/tokens/clients.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import { mintSecrets } from '../../src/tokens/token.ts'
import { addClients, alice, aliceElsewhere, asClient, bob, digestRows, secretOf } from '../support/callers.ts'
import { admin, adminSecret, asAdmin, ask, type GraphqlAnswer, useTestService } from '../support/service.ts'

const service = useTestService({ keepsRows: true })
beforeAll(() => addClients(service))

const issue = (owner: Owner = alice, ...scopes: readonly string[]) => service.tokens.issue({ owner, scopes }, admin)
const asOwner = async (owner: Owner, ...scopes: readonly string[]) =>
  `Bearer ${(await issue(owner, ...scopes)).accessToken}`

const introspect = 'query ($token: String!) { introspectToken(token: $token) { active username scopes } }'
const invalidate = 'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { invalidatedTokens } }'
const create = 'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { scopes } }'

const wholeRealm = { input: { owner: { realmName: 'staff' } } }

/** Who may do what, is in `authority.test.ts`. */
describe('callers', () => {
  test('an owner who ends their own tokens ends no others', async () => {
    const carol = { realm: 'staff', username: 'carol' }
    const own = await issue(carol)
    const others = [await issue(bob), await issue({ realm: 'guests', username: 'carol' })]
    const variables = { input: { owner: { realmUser: { realmName: 'staff', username: 'carol' } } } }

    const { data } = await ask(service.handler, invalidate, { variables, authorization: `Bearer ${own.accessToken}` })

    expect(data).toEqual({ invalidateToken: { invalidatedTokens: 2 } })
    expect(await isActive(own.accessToken)).toBe(false)
    expect(await Promise.all(others.map(({ accessToken }) => isActive(accessToken)))).toEqual([true, true])
  })

  test('currentToken is the bearer’s token, and null for any other caller', async () => {
    const current = async (authorization?: string) =>
      (await ask(service.handler, '{ currentToken { username } }', { ...(authorization && { authorization }) })).data

    expect(await current(await asOwner(bob))).toEqual({ currentToken: { username: 'bob' } })
    expect(await current(asAdmin)).toEqual({ currentToken: null })
    expect(await current()).toEqual({ currentToken: null })
  })
})

async function isActive(token: string): Promise<boolean> {
  return (await service.tokens.introspect(token, admin)).active
}

describe('no caller grants scopes that it does not have', () => {
  const grant = async (authorization: string, ...scopes: readonly string[]) => {
    const variables = { input: { realmName: 'staff', username: 'alice', scopes } }
    const { errors, data } = await ask(service.handler, create, { variables, authorization })
    return errors?.[0]?.extensions.code ?? data.createTokenPair.scopes
  }

  test.each([
    [['manage_token']],
    [['introspect_token']],
    [['read', 'manage_token']],
    [['create_token', 'manage_token']],
    [['manage_token', 'manage_token']],
  ])('a client with create_token cannot grant %j', async (scopes) => {
    const before = await digestRows(service)

    expect(await grant(asClient('creator'), ...scopes)).toBe('FORBIDDEN')
    expect(await digestRows(service)).toEqual(before)
  })

  test('an owner with create_token cannot grant manage_token', async () => {
    expect(await grant(await asOwner(alice, 'create_token'), 'manage_token')).toBe('FORBIDDEN')
  })

  test('a client can grant its own scopes and those of the application', async () => {
    expect(await grant(asClient('creator'), 'create_token', 'read')).toEqual(['create_token', 'read'])
    expect(await grant(asAdmin, ...adminScopes)).toEqual(adminScopes)
  })

  test('a scope that only looks like one of the service belongs to the application, and gives no right', async () => {
    expect(await grant(asClient('creator'), 'MANAGE_TOKEN', 'manage_token.')).toEqual(['MANAGE_TOKEN', 'manage_token.'])
    const authorization = await asOwner(bob, 'MANAGE_TOKEN', 'manage_token.')

    expect((await ask(service.handler, invalidate, { variables: wholeRealm, authorization })).status).toBe(403)
  })

  test('a refreshed pair has the scopes of the first pair, and no others', async () => {
    const pair = await issue(alice, 'read')
    const variables = { input: { refreshToken: pair.refresh?.token } }
    const query = `mutation ($input: RefreshTokenPairInput!) { refreshTokenPair(input: $input) { ... on TokenPair { scopes } } }`

    const { data } = await ask(service.handler, query, { variables, authorization: asAdmin })

    expect(data).toEqual({ refreshTokenPair: { scopes: ['read'] } })
  })
})

describe('a client authenticates', () => {
  const admins = btoa(`admin:${adminSecret}`)

  test.each([`Basic ${admins}`, `ApiKey ${admins}`, `basic ${admins}`, `APIKEY  ${admins}`, ` Basic ${admins} `])(
    '%s',
    async (authorization) => {
      const { data } = await ask(service.handler, introspect, { variables: { token: 'x' }, authorization })

      expect(data).toEqual({ introspectToken: { active: false, username: null, scopes: null } })
    },
  )

  test('with a colon in its secret', async () => {
    const secret = 'a:secret:with:colons:of:32:characters'
    const scopes = ['introspect_token']
    const store = createClientStore(service.database)
    await store.putClient({ id: 'colon', secretDigest: digestClientSecret(secret), scopes })

    const authorization = asClient('colon', secret)

    expect((await ask(service.handler, introspect, { variables: { token: 'x' }, authorization })).status).toBe(200)
  })
})

/** Each is sent with a request that needs no credentials: a caller with wrong ones does not count as anonymous. */
const badCredentials: readonly (readonly [name: string, header: () => string | Promise<string>])[] = [
  ['a wrong secret', () => asClient('admin', 'wrong')],
  ['an empty secret', () => asClient('admin', '')],
  ['a secret with a space after it', () => asClient('admin', `${adminSecret} `)],
  ['the secret of another client', () => asClient('admin', secretOf('none'))],
  ['the digest of a secret', () => asClient('admin', Buffer.from(digestClientSecret(adminSecret)).toString('latin1'))],
  ['an unknown client', () => asClient('nobody', adminSecret)],
  ['an id in another case', () => asClient('Admin', adminSecret)],
  ['no id', () => asClient('', adminSecret)],
  ['an id with a NUL', () => asClient('admin\0', adminSecret)],
  ['an id that is not UTF-8', () => `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0x61]).toString('base64')}`],
  ['an id of 5,000 characters', () => asClient('a'.repeat(5000), adminSecret)],
  ['an id with SQL in it', () => asClient("admin' or 'a' = 'a", adminSecret)],
  ['no colon', () => `Basic ${btoa('admin')}`],
  ['Basic without base64', () => `Basic admin:${adminSecret}`],
  ['Basic alone', () => 'Basic'],
  ['Bearer alone', () => 'Bearer'],
  ['Bearer and a space', () => 'Bearer '],
  ['an empty header', () => ''],
  ['no scheme', () => adminSecret],
  ['an unknown scheme', () => `Digest username="admin", response="${adminSecret}"`],
  ['Token', async () => `Token ${(await issue()).accessToken}`],
  ['two credentials', async () => `${asAdmin}, Bearer ${(await issue()).accessToken}`],
  ['two tokens', async () => `Bearer ${(await issue()).accessToken} ${(await issue()).accessToken}`],
  ['a token in quotes', async () => `Bearer "${(await issue()).accessToken}"`],
  ['a bearer in base64', async () => `Bearer ${btoa((await issue()).accessToken)}`],
  ['a client as a bearer', () => `Bearer ${btoa(`admin:${adminSecret}`)}`],
  ['garbage as a bearer', () => 'Bearer garbage'],
  ['an unknown token', () => `Bearer ${mintSecrets().accessToken({ slot: 1, id: 1 }, new Date(2 ** 42))}`],
  ['a token cut short', async () => `Bearer ${(await issue()).accessToken.slice(0, -1)}`],
  ['a token with one letter changed', async () => `Bearer ${changeOne((await issue()).accessToken)}`],
  ['a refresh token', async () => `Bearer ${(await issue()).refresh?.token}`],
  [
    'an access token under the other prefix',
    async () => `Bearer ${(await issue()).accessToken.replace('ita_', 'itr_')}`,
  ],
  ['an invalidated token', async () => `Bearer ${await invalidated()}`],
  ['a token of an owner whose tokens were ended', async () => `Bearer ${await swept()}`],
  ['an expired token', async () => `Bearer ${await expired()}`],
]

test.each([
  ['the placeholder of GraphiQL', 'Basic PASTE_THE_LINE_JSON'],
  ['text of JSON after it', `${asAdmin}" }`],
  ['no colon in it', `Basic ${btoa('admin')}`],
])('a Basic header that has %s is refused with what is wrong in it', async (_what, authorization) => {
  const { errors } = await ask(service.handler, '{ __typename }', { authorization })

  expect(errors?.[0]?.message).toContain('is not base64 of id:secret.')
})

test.each([
  [
    'a session',
    'mutation { invalidateToken(input: { session: "1" }) { errorCount } }',
    'send an access token of its owner',
  ],
  [
    'an owner',
    'mutation { invalidateToken(input: { owner: { realmUser: { realmName: "r", username: "u" } } }) { errorCount } }',
    'authenticate as this owner, or as a client with the scope manage_token.',
  ],
  ['the record', '{ revocations { nodes { at } } }', 'authenticate as a token owner, or as a client with the scope'],
])('without credentials, the error about %s names the owner as well as a client', async (_what, query, expected) => {
  const { errors } = await ask(service.handler, query)

  expect(errors?.[0]?.message).toContain(expected)
})

function changeOne(token: string): string {
  return `${token.slice(0, 40)}${token[40] === 'A' ? 'B' : 'A'}${token.slice(41)}`
}
async function invalidated(): Promise<string> {
  const { accessToken } = await issue()
  await service.tokens.invalidate({ kind: 'access-token', token: accessToken }, admin)
  return accessToken
}
async function swept(): Promise<string> {
  const { accessToken } = await issue(bob)
  await service.tokens.invalidate({ kind: 'owner', scope: { kind: 'username', username: 'bob' } }, admin)
  return accessToken
}
async function expired(): Promise<string> {
  const { accessToken } = await issue()
  service.clock.advance(1200)
  return accessToken
}

describe('bad credentials are refused, even where none are needed', () => {
  test.each(badCredentials)('%s', async (_name, header) => {
    const authorization = await header()
    const victim = await issue(aliceElsewhere)
    const before = await digestRows(service)

    for (const accept of ['application/graphql-response+json', 'application/json']) {
      const variables = { input: { token: victim.accessToken } }
      expectUnauthenticated(await ask(service.handler, invalidate, { variables, authorization, accept }))
      expectUnauthenticated(await ask(service.handler, '{ __typename }', { authorization, accept }))
    }

    expect(await isActive(victim.accessToken)).toBe(true)
    expect(await digestRows(service)).toEqual(before)
    expect(service.reports).toEqual([])
  })

  test('where credentials are needed and none were sent, the answer says how to authenticate', async () => {
    for (const accept of ['application/graphql-response+json', 'application/json'])
      expectUnauthenticated(await ask(service.handler, invalidate, { variables: wholeRealm, accept }))
  })

  test('a wrong secret and an unknown client get the same answer', async () => {
    const answer = async (authorization: string) =>
      (await ask(service.handler, '{ __typename }', { authorization })).text

    expect(await answer(asClient('admin', 'wrong'))).toBe(await answer(asClient('nobody', 'wrong')))
  })
})

function expectUnauthenticated({ status, headers, errors, data }: GraphqlAnswer): void {
  expect([status, errors?.[0]?.extensions.code, errors?.length]).toEqual([401, 'UNAUTHENTICATED', 1])
  expect(headers.get('www-authenticate')).toBe(
    'Bearer realm="invalidate-token", Basic realm="invalidate-token", charset="UTF-8"',
  )
  expect(data ?? null).toBeNull()
}

test('the look-ups without a caller are not exported by the package, and stay with verbs that are wrapped', () => {
  const wrapped = { ...service.tokens, endStreams: () => undefined }

  expect(Object.values(entry)).not.toContain(answerLookups)
  expect(wrapped[answerLookups]).toBe(service.tokens[answerLookups])
})

test('the answer about an inactive token is the same to the byte, whatever the reason', async () => {
  const query = `query ($token: String!) { introspectToken(token: $token) {
    active realmName username scopes issuedAt expiresAt clientId session { id }
  } }`
  const live = await issue()
  const spent = await issue()
  await service.tokens.refresh(spent.refresh?.token ?? '')
  const endedSession = await issue(bob)
  await swept()
  const expiredToken = await expired()
  const forged = mintSecrets()
  const tokens = {
    unknown: forged.accessToken({ slot: 1, id: 1 }, new Date(2 ** 42)),
    'unknown, with the key of a live one': forged.refreshToken({ slot: 1, id: live.session.id }, new Date(2 ** 42)),
    malformed: 'garbage',
    'white space': ' ',
    'cut short': live.accessToken.slice(0, -1),
    'one letter changed': changeOne(live.refresh?.token ?? ''),
    'the other prefix': (live.refresh?.token ?? '').replace('itr_', 'ita_'),
    expired: expiredToken,
    spent: spent.refresh?.token ?? '',
    invalidated: await invalidated(),
    'ended with its owner': endedSession.refresh?.token ?? '',
    'a client secret': adminSecret,
  }

  const answers = await Promise.all(
    Object.entries(tokens).map(async ([reason, token]) => {
      const { text, headers, status } = await ask(service.handler, query, {
        variables: { token },
        authorization: asAdmin,
      })
      // It names the request, whatever the answer is.
      headers.delete('x-request-id')
      return [reason, text, status, JSON.stringify([...headers])]
    }),
  )

  const [[, , , headers] = []] = answers
  const inactive =
    '{"data":{"introspectToken":{"active":false,"realmName":null,"username":null,"scopes":null,"issuedAt":null,"expiresAt":null,"clientId":null,"session":null}}}'
  expect(answers).toEqual(Object.keys(tokens).map((reason) => [reason, inactive, 200, headers]))
})
