import { sum } from 'drizzle-orm'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createHandler } from '../../src/http/handler.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import { revocations, tokenPairs } from '../../src/storage/schema.ts'
import type { ClientCaller } from '../../src/tokens/caller.ts'
import { digestClientSecret } from '../../src/tokens/clients.ts'
import { type Owner, subjectOf } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { mintSecrets } from '../../src/tokens/token.ts'
import { basic } from '../support/basic.ts'
import { damages } from '../support/lookalikes.ts'
import { type FormParameters, type OAuthAnswer, origin, post, postJson, send } from '../support/oauth.ts'
import { admin, adminSecret, asAdmin, useTestService } from '../support/service.ts'

const service = useTestService({ keepsRows: true })
beforeAll(async () => {
  await putClient('none')
  await putClient('other')
  await putClient('login', 'create_token')
  await putClient('gateway', 'introspect_token')
  await putClient('operator', 'manage_token')
})
/** No request of a client is reported to the operator as an error. */
afterEach(() => expect(service.reports).toEqual([]))

type Headers = Readonly<Record<string, string>>

const secretOf = (id: string) => `the-secret-of-${id}-of-32-characters`
const putClient = (id: string, ...scopes: readonly string[]) => putClientWith(id, secretOf(id), scopes)
const putClientWith = (id: string, secret: string, scopes: readonly string[] = []) =>
  createClientStore(service.database).putClient({ id, secretDigest: digestClientSecret(secret), scopes })

const alice = { realm: 'staff', username: 'alice' }
const login: ClientCaller = { kind: 'client', clientId: 'login', scopes: ['create_token'] }
/** Issues a pair to the client `login`. */
const issue = (owner: Owner = alice, ...scopes: readonly string[]) => service.tokens.issue({ owner, scopes }, login)
/** Issues a pair to the client `admin`. */
const grant = (...scopes: readonly string[]) => service.tokens.issue({ owner: alice, scopes }, admin)
const refreshOf = (pair: IssuedPair) => pair.refresh?.token ?? expect.unreachable()
const isActive = async (token: string) => (await service.tokens.introspect(token, admin)).active
const activeOf = async (pair: IssuedPair) => [await isActive(pair.accessToken), await isActive(refreshOf(pair))]

const countRevocations = () => service.database.db.$count(revocations)

/** Sums the ended tokens. Of two concurrent revocations of a session both are recorded, and one of them ended none. */
async function countEnded(): Promise<number> {
  const [row] = await service.database.db.select({ ended: sum(revocations.invalidated) }).from(revocations)
  return Number(row?.ended)
}

const revoke = (parameters: FormParameters, headers?: Headers) =>
  post(service.handler, '/oauth2/revoke', parameters, headers)
const introspect = (parameters: FormParameters, headers?: Headers) =>
  post(service.handler, '/oauth2/introspect', parameters, headers)
const askToken = (parameters: FormParameters, headers?: Headers) =>
  post(service.handler, '/oauth2/token', parameters, headers)
const refresh = (token: string, more: Headers = {}, headers?: Headers) =>
  askToken({ grant_type: 'refresh_token', refresh_token: token, ...more }, headers)
const revokeGlobally = (body: unknown, headers: Headers = { authorization: asAdmin }) =>
  postJson(service.handler, '/oauth2/global-token-revocation', body, headers)
const metadata = () => send(service.handler, '/.well-known/oauth-authorization-server', { method: 'GET' })

const as = (id: string): Headers => ({ authorization: basic(id, secretOf(id)) })
const asBearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })
const forged = () => mintSecrets().accessToken({ slot: 1, id: 1 }, new Date('2026-11-21T10:00:00Z'))
const forgedRefresh = () => mintSecrets().refreshToken({ slot: 1, id: 1 }, new Date('2026-11-22T09:00:00Z'))

/** Values that are not tokens of the service. None of them is an error as the value of a token parameter. */
const unknownTokens: [name: string, token: () => string][] = [
  ['a token that was never issued', forged],
  ['a refresh token that was never issued', forgedRefresh],
  ['a token with a letter changed', () => forged().replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
  ['a JWT', () => 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.'],
  ['a word', () => 'token'],
  ['a space', () => ' '],
  ['a NUL', () => 'ita_\0'],
  ['ill-formed UTF-8', () => 'ita_\ufffd'],
  ['a lone quote', () => '"'],
  ['twenty thousand characters', () => 'a'.repeat(20_000)],
]

const tokenRoutes = [
  ['/oauth2/revoke', (token: string) => ({ token })],
  ['/oauth2/introspect', (token: string) => ({ token })],
  ['/oauth2/token', (token: string) => ({ grant_type: 'refresh_token', refresh_token: token })],
] as const

describe.each(tokenRoutes)('a form at %s (RFC 6749 §3.2, Appendix B)', (path, form) => {
  const ask = (parameters: FormParameters, headers: Headers = { authorization: asAdmin }) =>
    post(service.handler, path, parameters, headers)

  test.each<[name: string, contentType: string]>([
    ['JSON', 'application/json'],
    ['multipart', 'multipart/form-data; boundary=x'],
    ['text', 'text/plain'],
    ['a form without a type', ''],
    ['a type that only begins like a form’s', 'application/x-www-form-urlencoded-not'],
  ])('is refused as %s', async (_name, contentType) => {
    const pair = await issue()

    const answer = await ask(form(refreshOf(pair)), { authorization: asAdmin, 'content-type': contentType })

    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
    expect(await activeOf(pair)).toEqual([true, true])
  })

  test('may have a charset', async () => {
    const contentType = 'Application/X-WWW-Form-Urlencoded ; charset=UTF-8'

    const answer = await ask(form(refreshOf(await grant())), { authorization: asAdmin, 'content-type': contentType })

    expect(answer.status).toBe(200)
  })

  test.each(['token', 'token_type_hint', 'refresh_token', 'grant_type', 'scope', 'client_id', 'client_secret'])(
    'has %s at most once, even if the route does not use it',
    async (name) => {
      const pair = await grant()
      const given = new URLSearchParams([...Object.entries(form(refreshOf(pair))), [name, 'x'], [name, 'x']])

      const answer = await ask(given.toString())

      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
      expect(await activeOf(pair)).toEqual([true, true])
    },
  )

  test('may have unknown parameters, even twice, and a parameter without a value counts as absent', async () => {
    const given = Object.entries(form(refreshOf(await grant())))
    const ignored = [
      ['resource', 'https://a.example'],
      ['resource', 'https://b.example'],
      ['__proto__', 'x'],
      ['client_secret', ''],
      ['client_secret', ''],
    ]

    expect((await ask(new URLSearchParams([...given, ...ignored]).toString())).status).toBe(200)
  })

  test.each(['', '&', 'token', '=x', '%', 'token=&refresh_token=&grant_type='])('is malformed as %j', async (text) => {
    const answer = await ask(text)

    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
  })

  test('is read from the body and not from the url, which ends up in logs (§2.3.1)', async () => {
    const pair = await grant()

    const answer = await post(service.handler, `${path}?${new URLSearchParams(form(refreshOf(pair)))}`, '', {
      authorization: asAdmin,
    })

    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
    expect(await activeOf(pair)).toEqual([true, true])
  })

  test('is refused if it is too large, has an unknown encoding, or is not UTF-8', async () => {
    const authorization = asAdmin
    const large = await ask(`token=x&padding=${'a'.repeat(64 * 1024)}`)
    const encoded = await ask('token=x', { authorization, 'content-encoding': 'br' })
    const body = new Uint8Array([...Buffer.from('token='), 0xff])
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
    const illFormed = await send(service.handler, path, { method: 'POST', headers, body })

    expect([large, encoded, illFormed].map(({ status, body: { error } }) => [status, error])).toEqual([
      [413, 'invalid_request'],
      [415, 'invalid_request'],
      [400, 'invalid_request'],
    ])
  })

  test('must come by POST', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD']) {
      const { status, headers } = await service.handler(new Request(`${origin}${path}?token=x`, { method }))
      expect([status, headers.get('allow')]).toEqual([405, expect.stringContaining('POST')])
    }
  })
})

describe.each(tokenRoutes)('the caller at %s (RFC 6749 §2.3)', (path, form) => {
  /** Sends a new pair that was issued to the admin, so that the admin may do anything with it. */
  const ask = async (headers: Headers, more: Headers = {}) =>
    post(service.handler, path, { ...form(refreshOf(await grant())), ...more }, headers)
  const errorOf = ({ status, headers, body }: OAuthAnswer) => [status, body.error, headers.get('www-authenticate')]
  const challenge = 'Basic realm="invalidate-token", charset="UTF-8", Bearer realm="invalidate-token"'

  test('authenticates as a client by Basic, or by the form', async () => {
    expect((await ask({ authorization: asAdmin })).status).toBe(200)
    expect((await ask({ authorization: asAdmin }, { client_id: 'admin' })).status).toBe(200)
    expect((await ask({}, { client_id: 'admin', client_secret: adminSecret })).status).toBe(200)
  })

  test.each<[name: string, id: string, secret: string]>([
    ['no special characters', 'plain', 'a-secret-of-more-than-32-characters_'],
    ['a percent sign and a plus', 'a+b%', '100%+20=120%+a-secret-of-32-characters'],
    ['characters that look encoded', '%61', '%41%42-a-secret-of-more-than-32-characters'],
    ['a colon in the id', 'urn:a', 'a-secret-of-more:than-32-characters'],
    ['letters outside ASCII', 'Ümläut €', 'ein-geheimnis-mit-mehr-als-32-zeichen-ß'],
  ])('authenticates as a client with %s, encoded as in §2.3.1 or not', async (_name, id, secret) => {
    await putClientWith(id, secret, ['introspect_token', 'manage_token'])
    const { accessToken } = await issue()
    // The strictest encoding, as in oauth4webapi.
    const encode = (part: string) =>
      encodeURIComponent(part)
        .replace(/[-_.!~*'()]/g, hex)
        .replaceAll('%20', '+')
    const hex = (letter: string) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`

    const encoded = await introspect({ token: accessToken }, { authorization: basic(encode(id), encode(secret)) })
    const plain = await introspect({ token: accessToken }, { authorization: basic(id, secret) })

    expect(encoded.body.active).toBe(true)
    // RFC 7617 §2: an id with a colon cannot be separated from its secret.
    expect(plain.body.active ?? plain.status).toBe(id.includes(':') ? 401 : true)
  })

  test.each<[name: string, headers: Headers, more?: Headers]>([
    ['a wrong secret', { authorization: basic('admin', 'wrong') }],
    ['a wrong secret, encoded', { authorization: basic('admin', 'wrong%2D') }],
    ['an unknown client', { authorization: basic('nobody', adminSecret) }],
    ['no id', { authorization: basic('', adminSecret) }],
    ['a NUL, encoded', { authorization: basic('admin%00', adminSecret) }],
    ['half an escape', { authorization: basic('admin%', adminSecret) }],
    ['Basic that is not base64', { authorization: 'Basic !' }],
    ['Basic alone', { authorization: 'Basic' }],
    ['an unknown scheme', { authorization: 'Digest username="admin"' }],
    ['an empty header', { authorization: '' }],
    ['a wrong secret in the form', {}, { client_id: 'admin', client_secret: 'wrong' }],
    ['a NUL in the form', {}, { client_id: 'admin\0', client_secret: adminSecret }],
    ['a client assertion', {}, { client_id: 'admin', client_assertion: 'e30.e30.' }],
  ])('with %s is refused, and does not count as anonymous: 401 invalid_client (§5.2)', async (_name, headers, more) => {
    expect(errorOf(await ask(headers, more))).toEqual([401, 'invalid_client', challenge])
  })

  test.each<[name: string, token: () => Promise<string> | string]>([
    ['was never issued', forged],
    ['has expired', expiredToken],
    ['was revoked', revokedToken],
    ['is a refresh token', async () => refreshOf(await issue())],
  ])('with a Bearer that %s is refused: 401 invalid_token (RFC 6750 §3.1)', async (_name, token) => {
    const [status, error, authenticate] = errorOf(await ask(asBearer(await token())))

    expect([status, error]).toEqual([401, 'invalid_token'])
    expect(authenticate).toMatch(
      /^Bearer realm="invalidate-token", error="invalid_token", error_description="[^"\\]+"$/,
    )
  })

  test.each<[name: string, headers: Headers, more: Headers]>([
    ['Basic and the form', { authorization: asAdmin }, { client_id: 'admin', client_secret: adminSecret }],
    ['Basic and an assertion', { authorization: asAdmin }, { client_assertion: 'e30.e30.' }],
    ['the form and an assertion', {}, { client_id: 'admin', client_secret: adminSecret, client_assertion: 'e30.' }],
    ['Basic of one client, and the name of another', { authorization: asAdmin }, { client_id: 'other' }],
    ['a secret without an id', {}, { client_secret: adminSecret }],
  ])('with %s is refused: 400 invalid_request (§2.3)', async (_name, headers, more) => {
    expect(errorOf(await ask(headers, more))).toEqual([400, 'invalid_request', null])
  })
})

async function expiredToken(): Promise<string> {
  const { accessToken } = await issue()
  service.clock.advance(1200)
  return accessToken
}

async function revokedToken(): Promise<string> {
  const { accessToken } = await issue()
  await service.tokens.invalidate({ kind: 'access-token', token: accessToken }, admin)
  return accessToken
}

describe('revocation (RFC 7009)', () => {
  test('§2.1: an access token ends alone, a refresh token with its whole session', async () => {
    const [one, other] = [await issue(), await issue()]
    const refreshed = (await refresh(refreshOf(other))).body

    const answers = [await revoke({ token: one.accessToken }), await revoke({ token: refreshOf(other) })]

    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [200, ''],
      [200, ''],
    ])
    expect(await activeOf(one)).toEqual([false, true])
    expect(await activeOf(other)).toEqual([false, false])
    expect([await isActive(refreshed.access_token), await isActive(refreshed.refresh_token)]).toEqual([false, false])
  })

  test.each(['access_token', 'refresh_token', 'saml2_assertion', 'ITA'])(
    '§2.1: the hint %s changes nothing',
    async (hint) => {
      const [one, other] = [await issue(), await issue()]

      expect((await revoke({ token: one.accessToken, token_type_hint: hint })).status).toBe(200)
      expect((await revoke({ token: refreshOf(other), token_type_hint: hint })).status).toBe(200)

      expect(await activeOf(one)).toEqual([false, true])
      expect(await activeOf(other)).toEqual([false, false])
    },
  )

  test.each(unknownTokens)('§2.2: %s is no error, whoever sends it', async (_name, token) => {
    const before = await countRevocations()

    for (const headers of [{}, as('none'), { authorization: asAdmin }])
      expect(await revoke({ token: token() }, headers)).toMatchObject({ status: 200, text: '' })

    expect(await countRevocations()).toBe(before)
  })

  test.each(damages)('a token with %s is 400 invalid_request, as it stays valid', async (_name, damage) => {
    const pair = await issue()
    const before = await countRevocations()

    for (const token of [pair.accessToken, refreshOf(pair)])
      for (const headers of [{}, as('none'), { authorization: asAdmin }]) {
        const { status, text, body } = await revoke({ token: damage(token) }, headers)

        expect([status, body.error]).toEqual([400, 'invalid_request'])
        expect(body.error_description).toBe(
          'Expected `token` to be a token and nothing else, got one with other characters around it or in it: the token would stay valid.',
        )
        expect(text).not.toContain(token.slice(4, 12))
      }
    expect([await activeOf(pair), await countRevocations()]).toEqual([[true, true], before])
  })

  test('§2.2: a token with other characters around it or in it is inactive to introspection, and no refresh token', async () => {
    const pair = await issue()

    for (const [, damage] of damages) {
      expect((await introspect({ token: damage(pair.accessToken) }, as('gateway'))).body).toEqual({ active: false })
      expect((await refresh(damage(refreshOf(pair)))).body.error).toBe('invalid_grant')
    }
    expect(await activeOf(pair)).toEqual([true, true])
  })

  test('§2.2: a token that has ended already is no error, and an expired one still ends its session', async () => {
    const [one, other] = [await issue(), await issue()]
    await revoke({ token: one.accessToken })
    service.clock.advance(1200)

    for (const token of [one.accessToken, other.accessToken, refreshOf(other), refreshOf(other)])
      expect((await revoke({ token })).status).toBe(200)
    expect(await activeOf(other)).toEqual([false, false])
  })

  test('§2.2.1: a token is required', async () => {
    const { status, body } = await revoke({ token_type_hint: 'access_token' })

    expect([status, body.error, body.error_description]).toEqual([
      400,
      'invalid_request',
      'Expected the parameter `token`',
    ])
  })

  const holders: [name: string, headers: () => Promise<Headers> | Headers, more?: Headers][] = [
    ['an anonymous caller', () => ({})],
    ['a public client, whatever its name', () => ({}), { client_id: 'other' }],
    ['the client that it was issued to', () => as('login')],
    ['that client, by the form', () => ({}), { client_id: 'login', client_secret: secretOf('login') }],
    ['a client with manage_token', () => as('operator')],
    ['its owner', async () => asBearer((await issue()).accessToken)],
    ['another owner who holds it', async () => asBearer((await issue({ realm: 'x', username: 'y' })).accessToken)],
  ]
  test.each(holders)('§2.1: %s may end a token that it holds', async (_name, headers, more) => {
    const [one, other] = [await issue(), await issue()]

    expect((await revoke({ token: one.accessToken, ...more }, await headers())).status).toBe(200)
    expect((await revoke({ token: refreshOf(other), ...more }, await headers())).status).toBe(200)

    expect(await activeOf(one)).toEqual([false, true])
    expect(await activeOf(other)).toEqual([false, false])
  })

  test.each(['none', 'other', 'gateway'])(
    '§2.1: the client %s is refused a token that was issued to another, and nothing ends',
    async (id) => {
      const pair = await issue()

      for (const token of [pair.accessToken, refreshOf(pair)]) {
        const { status, body } = await revoke({ token }, as(id))
        expect([status, body]).toEqual([
          400,
          { error: 'invalid_grant', error_description: 'This token was issued to another client.' },
        ])
      }
      expect(await activeOf(pair)).toEqual([true, true])
    },
  )

  test('twenty concurrent revocations of one token all succeed, and each half is counted once, for either kind of token', async () => {
    const [one, other, before] = [await issue(), await issue(), await countEnded()]
    const twenty = (token: string) => Promise.all(Array.from({ length: 20 }, () => revoke({ token })))

    const answers = [...(await twenty(one.accessToken)), ...(await twenty(refreshOf(other)))]

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200))
    expect(await countEnded()).toBe(before + 3)
  })
})

describe('introspection (RFC 7662)', () => {
  const active = {
    active: true,
    scope: 'read write',
    client_id: 'login',
    username: 'alice',
    sub: 'staff/alice',
    iss: origin,
    realm_name: 'staff',
    sid: expect.stringMatching(/^\d+$/),
  }
  const nowInSeconds = () => Math.floor(service.clock.now().getTime() / 1000)

  test('§2.2: describes an access token in full, and a refresh token without a type', async () => {
    const pair = await issue(alice, 'read', 'write')

    const access = await introspect({ token: pair.accessToken }, as('gateway'))
    const refreshToken = await introspect({ token: refreshOf(pair) }, as('gateway'))

    const iat = nowInSeconds()
    expect(access.status).toBe(200)
    expect(access.body).toEqual({ ...active, token_type: 'Bearer', iat, exp: iat + 1200 })
    expect(refreshToken.body).toEqual({ ...active, iat, exp: iat + 86_400 })
    expect(access.body.sid).toBe(String(pair.session.id))
  })

  test('§2.2: a token without scopes has no `scope`, and owners have different subjects', async () => {
    const owners = [
      { realm: 'a/b', username: 'c' },
      { realm: 'a', username: 'b/c' },
    ]
    for (const owner of owners) {
      const { body } = await introspect({ token: (await issue(owner)).accessToken }, as('gateway'))
      expect(body).not.toHaveProperty('scope')
      expect(body).toMatchObject({ sub: subjectOf(owner), realm_name: owner.realm, username: owner.username })
    }
  })

  test('§2.2: instants are whole seconds, rounded down', async () => {
    service.clock.advance(0.999)
    const { accessToken } = await issue()

    const { exp, iat } = (await introspect({ token: accessToken }, as('gateway'))).body

    expect([iat, exp]).toEqual([nowInSeconds(), nowInSeconds() + 1200])
    service.clock.advance(0.001)
  })

  test.each<[name: string, token: () => Promise<string> | string]>([
    ...unknownTokens,
    ['an expired token', expiredToken],
    ['a revoked token', revokedToken],
    ['a spent refresh token', spentToken],
    ['a token with a wrong checksum', withWrongChecksum],
  ])('§2.2: the answer for %s is active: false and nothing else', async (_name, token) => {
    const { status, text } = await introspect({ token: await token() }, as('gateway'))

    expect([status, text]).toEqual([200, '{"active":false}'])
  })

  async function spentToken(): Promise<string> {
    const token = refreshOf(await issue())
    await service.tokens.refresh(token)
    return token
  }

  async function withWrongChecksum(): Promise<string> {
    return (await issue()).accessToken.replace(/.{4}$/, 'AAAA')
  }

  test.each(['access_token', 'refresh_token', 'other'])('§2.1: the hint %s changes nothing', async (hint) => {
    const pair = await issue()

    for (const token of [pair.accessToken, refreshOf(pair)])
      expect((await introspect({ token, token_type_hint: hint }, as('gateway'))).body.active).toBe(true)
  })

  test('§2.1: a token is required', async () => {
    const { status, body } = await introspect({}, as('gateway'))

    expect([status, body.error]).toEqual([400, 'invalid_request'])
  })

  test.each<[name: string, headers: () => Promise<Headers>]>([
    ['a client with introspect_token', async () => as('gateway')],
    ['an owner’s token with introspect_token', async () => asBearer((await grant('introspect_token')).accessToken)],
  ])('§2.1: %s may introspect', async (_name, headers) => {
    const { accessToken } = await issue()

    expect((await introspect({ token: accessToken }, await headers())).body.active).toBe(true)
  })

  test.each<[name: string, headers: () => Promise<Headers>, status: number, error: string, challenge: string | null]>([
    ['an anonymous caller', async () => ({}), 401, 'invalid_client', 'Basic'],
    ['a client without the scope', async () => as('operator'), 403, 'insufficient_scope', null],
    ['an owner', async () => asBearer((await issue()).accessToken), 403, 'insufficient_scope', 'Bearer'],
  ])(
    '§2.1: %s may not introspect, whether the token is valid or not',
    async (_name, headers, status, error, challenge) => {
      for (const token of [(await issue()).accessToken, forged(), 'x']) {
        const answer = await introspect({ token }, await headers())
        expect([answer.status, answer.body.error]).toEqual([status, error])
        expect(answer.headers.get('www-authenticate')?.split(' ')[0] ?? null).toBe(challenge)
      }
    },
  )

  test('§2.1: a public client counts as anonymous, whatever its name', async () => {
    const { status, body } = await introspect({ token: forged(), client_id: 'gateway' })

    expect([status, body.error]).toEqual([401, 'invalid_client'])
  })

  test('RFC 9701: a request for a signed answer gets the plain one', async () => {
    const accept = { accept: 'application/token-introspection+jwt' }

    const { status, headers } = await introspect({ token: forged() }, { ...as('gateway'), ...accept })

    expect([status, headers.get('content-type')]).toEqual([200, 'application/json'])
  })
})

describe('refreshing (RFC 6749 §6)', () => {
  test('§5.1: a refresh token is exchanged for a pair', async () => {
    const { status, body } = await refresh(refreshOf(await issue(alice, 'read', 'write')))

    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.stringMatching(/^ita_/),
      token_type: 'Bearer',
      expires_in: 1200,
      refresh_token: expect.stringMatching(/^itr_/),
      scope: 'read write',
    })
    expect([await isActive(body.access_token), await isActive(body.refresh_token)]).toEqual([true, true])
  })

  test('§5.1: without scopes there is no `scope`', async () => {
    expect((await refresh(refreshOf(await issue()))).body).not.toHaveProperty('scope')
  })

  test.each<[name: string, parameters: Headers, error: string]>([
    ['no grant type', { refresh_token: 'x' }, 'invalid_request'],
    ['no refresh token', { grant_type: 'refresh_token' }, 'invalid_request'],
    ['a password', { grant_type: 'password', username: 'a', password: 'b' }, 'unsupported_grant_type'],
    ['an authorization code', { grant_type: 'authorization_code', code: 'x' }, 'unsupported_grant_type'],
    ['a client’s credentials', { grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    ['a grant type in another case', { grant_type: 'Refresh_Token', refresh_token: 'x' }, 'unsupported_grant_type'],
  ])('§5.2: a request with %s is refused', async (_name, parameters, error) => {
    const { status, body } = await askToken(parameters)

    expect([status, body.error]).toEqual([400, error])
  })

  test.each(unknownTokens)('§5.2: %s is an invalid_grant', async (_name, token) => {
    for (const headers of [{}, as('login')]) {
      const { status, body } = await refresh(token(), {}, headers)
      expect([status, body.error]).toEqual([400, 'invalid_grant'])
    }
  })

  const refusals: [name: string, reason: string, token: () => Promise<string>][] = [
    ['an access token', 'Not a refresh token', async () => (await issue()).accessToken],
    ['an expired one', 'has expired', () => prepare(async () => service.clock.advance(86_400))],
    ['a revoked one', 'was revoked', () => prepare((token) => revoke({ token }))],
    ['one that was used before', 'was used before', () => prepare(spendAndWait)],
  ]
  test.each(refusals)('§5.2: %s is an invalid_grant that says why', async (_name, reason, token) => {
    const { status, body } = await refresh(await token())

    expect([status, body.error]).toEqual([400, 'invalid_grant'])
    expect(body.error_description).toContain(reason)
  })

  async function prepare(change: (token: string) => Promise<unknown>): Promise<string> {
    const token = refreshOf(await issue())
    await change(token)
    return token
  }

  async function spendAndWait(token: string): Promise<void> {
    await refresh(token)
    service.clock.advance(30)
  }

  test('RFC 9700 §4.14.2: a reuse ends the session', async () => {
    const token = refreshOf(await issue())
    const { access_token, refresh_token } = (await refresh(token)).body
    service.clock.advance(30)

    await refresh(token)

    expect([await isActive(access_token), await isActive(refresh_token)]).toEqual([false, false])
  })

  const spenders: [name: string, headers: () => Promise<Headers> | Headers, more?: Headers][] = [
    ['an anonymous caller', () => ({})],
    ['a public client, whatever its name', () => ({}), { client_id: 'other' }],
    ['the client that it was issued to', () => as('login')],
    ['that client, by the form', () => ({}), { client_id: 'login', client_secret: secretOf('login') }],
    ['its owner', async () => asBearer((await issue()).accessToken)],
  ]
  test.each(spenders)('%s may spend a refresh token that it holds', async (_name, headers, more) => {
    expect((await refresh(refreshOf(await issue()), more, await headers())).status).toBe(200)
  })

  test.each(['none', 'other', 'operator', 'admin'])(
    'the client %s may not spend a token that was issued to another, and the token stays valid',
    async (id) => {
      const token = refreshOf(await issue())
      const headers = id === 'admin' ? { authorization: asAdmin } : as(id)

      const { status, body } = await refresh(token, {}, headers)

      expect([status, body.error]).toEqual([400, 'invalid_grant'])
      expect(body.error_description).toBe('The refresh token was issued to another client.')
      expect((await refresh(token, {}, as('login'))).status).toBe(200)
    },
  )

  test.each<[scope: string, error?: string]>([
    ['read'],
    ['write read'],
    ['read read'],
    ['admin', 'invalid_scope'],
    ['read admin', 'invalid_scope'],
    ['Read', 'invalid_scope'],
    ['read  write', 'invalid_scope'],
    [' read', 'invalid_scope'],
    ['read,write', 'invalid_scope'],
    ['read"', 'invalid_scope'],
    ['réad', 'invalid_scope'],
  ])('the scope %j is within the granted ones, or it is refused and the token stays valid', async (scope, error) => {
    const token = refreshOf(await issue(alice, 'read', 'write'))

    const answer = await refresh(token, { scope })

    if (error === undefined) expect(answer.body.scope).toBe('read write')
    else expect([answer.status, answer.body.error]).toEqual([400, error])
    expect((await refresh(token)).status).toBe(200)
  })

  test('twenty concurrent refreshes with one token all get the same pair', async () => {
    const token = refreshOf(await issue())
    const before = await service.database.db.$count(tokenPairs)

    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(token)))

    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(answers[0]?.status).toBe(200)
    expect(await service.database.db.$count(tokenPairs)).toBe(before + 1)
  })
})

describe('metadata (RFC 8414)', () => {
  const handlerAt = (publicUrl: string) =>
    createHandler({ tokens: service.tokens, assertReady: service.database.ping, emit: () => undefined, publicUrl })

  test('§3.2: names every route with its methods of authentication, and the supported grants', async () => {
    const { status, headers, body } = await metadata()
    const clientMethods = ['none', 'client_secret_basic', 'client_secret_post']

    expect([status, headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(body).toEqual({
      issuer: origin,
      token_endpoint: `${origin}/oauth2/token`,
      token_endpoint_auth_methods_supported: clientMethods,
      revocation_endpoint: `${origin}/oauth2/revoke`,
      revocation_endpoint_auth_methods_supported: clientMethods,
      introspection_endpoint: `${origin}/oauth2/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'Bearer'],
      global_token_revocation_endpoint: `${origin}/oauth2/global-token-revocation`,
      global_token_revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'Bearer'],
      grant_types_supported: ['refresh_token'],
      response_types_supported: [],
    })
  })

  test('every endpoint that it names answers', async () => {
    const endpoints = Object.entries<string>((await metadata()).body).filter(([name]) => name.endsWith('_endpoint'))

    expect(endpoints).toHaveLength(4)
    for (const [, url] of endpoints)
      expect((await service.handler(new Request(url, { method: 'POST' }))).status).toBe(400)
  })

  test('§2: the issuer is the origin of the request, which is not cacheable, or else the configured one', async () => {
    const path = '/.well-known/oauth-authorization-server'
    const ofRequest = await service.handler(new Request(`http://10.0.0.1:4000${path}`))
    const configured = await handlerAt('https://tokens.example.com')(new Request(`http://10.0.0.1:4000${path}`))

    expect(ofRequest.headers.get('cache-control')).toBe('no-store')
    expect(await ofRequest.json()).toMatchObject({ issuer: 'http://10.0.0.1:4000' })
    expect(configured.headers.get('cache-control')).toBe('public, max-age=3600')
    expect(await configured.json()).toMatchObject({
      issuer: 'https://tokens.example.com',
      revocation_endpoint: 'https://tokens.example.com/oauth2/revoke',
    })
  })

  test('introspection names the same issuer', async () => {
    const { accessToken } = await issue()

    const configured = await post(
      handlerAt('https://tokens.example.com'),
      '/oauth2/introspect',
      { token: accessToken },
      as('gateway'),
    )

    expect(configured.body.iss).toBe('https://tokens.example.com')
    expect((await introspect({ token: accessToken }, as('gateway'))).body.iss).toBe((await metadata()).body.issuer)
  })
})

describe('global revocation (draft-parecki-oauth-global-token-revocation)', () => {
  const mail = { realm: 'staff', username: 'alice@example.com' }
  const sameMail = { realm: 'guests', username: 'alice@example.com' }
  const imported = { realm: 'https://idp.example', username: '00u1' }
  const odd = { realm: 'a/b', username: 'c/d' }
  const longest = { realm: '/'.repeat(255), username: 'n'.repeat(255) }
  const owners = [alice, { realm: 'guests', username: 'alice' }, mail, sameMail, imported, odd, longest]

  /** The owners whose pairs are still active. */
  async function activeOwners(pairs: readonly IssuedPair[]): Promise<readonly Owner[]> {
    const states = await Promise.all(pairs.map(async (pair) => ({ pair, active: await activeOf(pair) })))
    for (const { active } of states) expect(new Set(active).size).toBe(1)
    return states.flatMap(({ pair, active }) => (active[0] ? [pair.session.owner] : []))
  }

  test.each<[name: string, sub_id: object, ended: readonly Owner[]]>([
    ['iss_sub of this issuer', { format: 'iss_sub', iss: origin, sub: 'staff/alice' }, [alice]],
    ['iss_sub of this issuer, with a slash in the realm', { format: 'iss_sub', iss: origin, sub: 'a%2Fb/c/d' }, [odd]],
    ['the longest iss_sub of this issuer', { format: 'iss_sub', iss: origin, sub: subjectOf(longest) }, [longest]],
    ['iss_sub of another issuer', { format: 'iss_sub', iss: 'https://idp.example', sub: '00u1' }, [imported]],
    ['iss_sub of an unknown subject', { format: 'iss_sub', iss: 'https://idp.example', sub: '00u2' }, []],
    ['opaque', { format: 'opaque', id: 'staff/alice' }, [alice]],
    ['opaque, of an unknown subject', { format: 'opaque', id: 'staff/bob' }, []],
    ['email', { format: 'email', email: 'alice@example.com' }, [mail, sameMail]],
    ['email of an unknown owner', { format: 'email', email: 'bob@example.com' }, []],
  ])('%s ends every token of its subject and nothing else: 204', async (_name, sub_id, ended) => {
    const pairs = await Promise.all(owners.map((owner) => issue(owner)))

    const { status, text } = await revokeGlobally({ sub_id })

    expect([status, text]).toEqual([204, ''])
    expect(await activeOwners(pairs)).toEqual(owners.filter((owner) => !ended.includes(owner)))
    expect((await revokeGlobally({ sub_id })).status).toBe(204)
  })

  test('successors end too, and the revocation has the reason', async () => {
    const pair = await issue()
    const { access_token, refresh_token } = (await refresh(refreshOf(pair))).body

    await revokeGlobally({ sub_id: { format: 'opaque', id: 'staff/alice' } })

    expect([await isActive(access_token), await isActive(refresh_token)]).toEqual([false, false])
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant')
    const [entry] = await service.tokens.listRevocations({ limit: 1 }, admin)
    expect(entry).toMatchObject({ selector: 'owner', ...alice, caller: 'client:admin', reason: 'session-revoked' })
  })

  const validSubject = { format: 'opaque', id: 'staff/alice' }
  test.each<[name: string, body: unknown, expected: string]>([
    ['no subject', {}, '`sub_id`'],
    ['null', null, '`sub_id`'],
    ['a list', [{ sub_id: validSubject }], '`sub_id`'],
    ['the subject under its old name', { subject: validSubject }, '`sub_id`'],
    ['a subject that is text', { sub_id: 'staff/alice' }, '`sub_id`'],
    ['a subject that is a list', { sub_id: [validSubject] }, '`sub_id`'],
    ['a member that would narrow the subject', { sub_id: validSubject, client_id: 'login' }, 'nothing else'],
    ['no format', { sub_id: { id: 'staff/alice' } }, 'iss_sub, opaque, email'],
    ['an unknown format', { sub_id: { format: 'uid', id: 'alice' } }, 'iss_sub, opaque, email'],
    ['a format that every object has as a property', { sub_id: { format: 'constructor' } }, 'iss_sub, opaque, email'],
    ['account', { sub_id: { format: 'account', uri: 'acct:alice@staff' } }, 'iss_sub, opaque, email'],
    ['phone_number', { sub_id: { format: 'phone_number', phone_number: '+12065550100' } }, 'iss_sub'],
    ['aliases', { sub_id: { format: 'aliases', identifiers: [validSubject] } }, 'iss_sub'],
    ['a member that is missing', { sub_id: { format: 'iss_sub', iss: origin } }, '`sub_id.sub`'],
    ['a member that is empty', { sub_id: { format: 'iss_sub', iss: 'x', sub: '' } }, '`sub_id.sub`'],
    ['a member that is null', { sub_id: { format: 'opaque', id: null } }, '`sub_id.id`'],
    ['a member that is a number', { sub_id: { format: 'opaque', id: 12 } }, '`sub_id.id`'],
    ['an unknown member', { sub_id: { ...validSubject, realm: 'guests' } }, 'nothing else'],
    [
      'an invalid subject of this issuer',
      { sub_id: { format: 'iss_sub', iss: origin, sub: 'alice' } },
      'introspection',
    ],
    ['a subject without a realm', { sub_id: { format: 'opaque', id: '/alice' } }, 'introspection'],
    ['a subject without a username', { sub_id: { format: 'opaque', id: 'staff/' } }, '`sub_id.id`'],
    ['a name that is too long', { sub_id: { format: 'iss_sub', iss: 'x', sub: 'n'.repeat(256) } }, '255'],
    ['a name with a NUL', { sub_id: { format: 'iss_sub', iss: 'x', sub: 'a\0' } }, '`sub_id.sub`'],
    ['an address that is only a name', { sub_id: { format: 'email', email: 'alice' } }, '`sub_id.email`'],
    ['an address of a whole domain', { sub_id: { format: 'email', email: '@example.com' } }, '`sub_id.email`'],
  ])('%s is malformed, and nothing ends: 400', async (_name, body, expected) => {
    const [pair, before] = [await issue(), await countRevocations()]

    const answer = await revokeGlobally(body)

    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
    expect(answer.body.error_description).toContain(expected)
    expect([await activeOf(pair), await countRevocations()]).toEqual([[true, true], before])
  })

  test('a body that is not JSON is malformed: 400', async () => {
    const path = '/oauth2/global-token-revocation'
    const json = { authorization: asAdmin, 'content-type': 'application/json' }
    const init = { method: 'POST', headers: json, body: '{"sub_id"' }

    expect((await send(service.handler, path, init)).status).toBe(400)
    expect((await revokeGlobally({ sub_id: validSubject }, { ...json, 'content-type': 'text/plain' })).status).toBe(400)
  })

  test.each<[name: string, status: number, error: string | undefined, headers: () => Promise<Headers>]>([
    ['a client with manage_token', 204, undefined, async () => as('operator')],
    [
      'an owner’s token with manage_token',
      204,
      undefined,
      async () => asBearer((await grant('manage_token')).accessToken),
    ],
    ['the owner', 204, undefined, async () => asBearer((await issue()).accessToken)],
    ['an anonymous caller', 401, 'invalid_client', async () => ({})],
    ['a wrong secret', 401, 'invalid_client', async () => ({ authorization: basic('operator', 'wrong') })],
    ['a token that was never issued', 401, 'invalid_token', async () => asBearer(forged())],
    ['a client without the scope', 403, 'insufficient_scope', async () => as('gateway')],
    ['the client that the tokens were issued to', 403, 'insufficient_scope', async () => as('login')],
    [
      'an owner of the same name in another realm',
      403,
      'insufficient_scope',
      async () => asBearer(await fromAnotherRealm()),
    ],
  ])('%s is answered %i', async (_name, status, error, headers) => {
    const pair = await issue()

    const answer = await revokeGlobally({ sub_id: validSubject }, await headers())

    expect([answer.status, answer.body.error]).toEqual([status, error])
    expect(await activeOf(pair)).toEqual(status === 204 ? [false, false] : [true, true])
  })

  const fromAnotherRealm = async () => (await issue({ realm: 'guests', username: 'alice' })).accessToken

  test('a later login stays live', async () => {
    await revokeGlobally({ sub_id: validSubject })

    expect(await activeOf(await issue())).toEqual([true, true])
  })
})

describe('pages of other origins (CORS)', () => {
  const preflight = (path: string) =>
    service.handler(
      new Request(`${origin}${path}`, {
        method: 'OPTIONS',
        headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
      }),
    )

  test.each(['/oauth2/revoke', '/oauth2/token', '/.well-known/oauth-authorization-server'])(
    'may call %s, without the browser’s credentials',
    async (path) => {
      const { status, headers } = await preflight(path)

      expect(status).toBe(204)
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(headers.get('access-control-allow-headers')).toBe('authorization, content-type')
      expect(headers.get('access-control-allow-methods')).toBe(path.startsWith('/oauth2') ? 'POST' : 'GET, HEAD')
      expect(headers.has('access-control-allow-credentials')).toBe(false)
    },
  )

  test.each(['/oauth2/introspect', '/oauth2/global-token-revocation'])('may not call %s', async (path) => {
    expect((await preflight(path)).status).toBe(405)
    const { headers } = await post(service.handler, path, {}, { authorization: asAdmin })
    expect(headers.has('access-control-allow-origin')).toBe(false)
  })

  test('can read refusals too', async () => {
    for (const { headers } of [await revoke({}), await refresh('x'), await revoke({}, as('nobody')), await metadata()])
      expect(headers.get('access-control-allow-origin')).toBe('*')
  })
})

test('an internal error is reported, and the caller gets server_error', async () => {
  const reports: unknown[] = []
  const internalError = new Error(`could not digest ${forged()}`)
  const broken = {
    ...service.tokens,
    authenticate: () => Promise.reject(internalError),
    invalidate: () => Promise.reject(internalError),
  }
  const handler = createHandler({
    tokens: broken,
    assertReady: async () => undefined,
    emit: (event) => reports.push(event),
  })

  const answers = [
    await post(handler, '/oauth2/revoke', { token: forged() }),
    await post(handler, '/oauth2/introspect', { token: forged() }, { authorization: asAdmin }),
    await postJson(handler, '/oauth2/global-token-revocation', {}, { authorization: asAdmin }),
  ]

  for (const { status, body } of answers)
    expect([status, body]).toEqual([500, { error: 'server_error', error_description: 'Unexpected error.' }])
  const event = { name: 'unexpected_error', error: internalError }
  expect(reports).toEqual([event, event, event])
})
