import { expect, test } from 'vitest'
import type { Guard, TokenEnd } from '../../src/guard/api.ts'
import type { KnownToken } from '../../src/guard/known-token.ts'
import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { followService } from '../support/guards.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
const alice = { realm: 'staff', username: 'alice' }
const issue = (owner = alice, scopes: readonly string[] = []) => service.tokens.issue({ owner, scopes }, admin)
const invalidate = (target: InvalidationTarget) => service.tokens.invalidate(target, admin)
const invalid = { outcome: 'invalid' }

async function known(guard: Guard, { accessToken }: IssuedPair): Promise<KnownToken> {
  const verdict = await guard.check(accessToken)
  return verdict.outcome === 'valid' ? verdict.token : expect.unreachable(verdict.outcome)
}

test('a guard says of a valid token what the service says, without the scopes of the service', async () => {
  const { guard } = await followService(service)
  const pair = await issue(alice, ['read', 'introspect_token'])

  const verdict = await guard.check(pair.accessToken)

  expect(verdict).toEqual({
    outcome: 'valid',
    token: {
      realmName: 'staff',
      username: 'alice',
      sessionId: String(pair.session.id),
      clientId: 'admin',
      scopes: ['read'],
      issuedAt: service.clock.now(),
      expiresAt: new Date(service.clock.now().getTime() + pair.expiresInSeconds * 1000),
      kind: 'opaque',
    },
  })
})

test('a guard answers a known token without a promise', async () => {
  const { guard } = await followService(service)
  const { accessToken } = await issue()
  const first = await guard.check(accessToken)

  expect(guard.check(accessToken)).toBe(first)
  expect(guard.status.counts.firstSights).toBe(1)
})

test.each<[string, (pair: IssuedPair) => InvalidationTarget]>([
  ['alone', ({ accessToken: token }) => ({ kind: 'access-token', token })],
  ['with its session', ({ session: { id } }) => ({ kind: 'session', id })],
  ['with its owner', () => ({ kind: 'owner', scope: { kind: 'realm-user', ...alice } })],
  ['with its realm', () => ({ kind: 'owner', scope: { kind: 'realm', realm: 'staff' } })],
  ['with its username in all realms', () => ({ kind: 'owner', scope: { kind: 'username', username: 'alice' } })],
  ['with its client', () => ({ kind: 'client', clientId: 'admin' })],
  ['with everything', () => ({ kind: 'everything' })],
])('a token that was invalidated %s is refused, and its streams are told', async (_, targetOf) => {
  const { guard } = await followService(service)
  const [pair, unknown] = [await issue(), await issue()]
  const ends: TokenEnd[] = []
  guard.watch(await known(guard, pair), (reason) => ends.push(reason))

  await invalidate(targetOf(pair))

  await expect.poll(() => guard.check(pair.accessToken)).toEqual(invalid)
  expect(ends).toEqual(['invalidated'])
  const other = targetOf(pair).kind
  const verdict = await guard.check(unknown.accessToken)
  expect(verdict.outcome).toBe(other === 'access-token' || other === 'session' ? 'valid' : 'invalid')
})

test('a login after the invalidation of its owner is valid', async () => {
  const { guard } = await followService(service)
  const before = await issue()
  await known(guard, before)
  await invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...alice } })
  await expect.poll(() => guard.check(before.accessToken)).toEqual(invalid)

  expect((await guard.check((await issue()).accessToken)).outcome).toBe('valid')
})

test('a guard refuses a refresh token, another text, and an expired token', async () => {
  const { guard } = await followService(service)
  const pair = await issue()
  await known(guard, pair)

  expect(await guard.check(pair.refresh?.token ?? '')).toEqual(invalid)
  for (const text of ['', 'x', 'ita_', `${pair.accessToken}=`, ` ${pair.accessToken}`, 'ü'.repeat(60), 'x'.repeat(1e6)])
    expect(await guard.check(text), text.slice(0, 70)).toEqual(invalid)
  service.clock.advance(pair.expiresInSeconds)
  expect(guard.check(pair.accessToken)).toEqual(invalid)
  expect(guard.status.counts.firstSights).toBe(1)
})

test('a guard that starts later refuses what was invalidated before', async () => {
  const pair = await issue()
  await invalidate({ kind: 'session', id: pair.session.id })

  const { guard } = await followService(service)

  expect(await guard.check(pair.accessToken)).toEqual(invalid)
})

test('a request is admitted with its token, without one, and refused with what to answer', async () => {
  const { guard } = await followService(service)
  const pair = await issue()

  expect(await guard.admit(`Bearer ${pair.accessToken}`)).toMatchObject({ ok: true, token: { username: 'alice' } })
  expect(await guard.admit(`bearer  ${pair.accessToken} `)).toMatchObject({ ok: true, token: { username: 'alice' } })
  for (const none of [undefined, null, '', 'Basic YTpi'])
    expect(await guard.admit(none)).toEqual({ ok: true, token: undefined })
  for (const wrong of ['Bearer', 'Bearer ', 'Bearer x', 'Bearer a b'])
    expect(await guard.admit(wrong)).toEqual({
      ok: false,
      status: 401,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      body: { errors: [{ message: 'The access token is not valid.', extensions: { code: 'UNAUTHENTICATED' } }] },
    })
})

test('a closed guard answers 503, ends its streams, and is ready no more', async () => {
  const { guard, events } = await followService(service)
  const pair = await issue()
  const ends: TokenEnd[] = []
  guard.watch(await known(guard, pair), (reason) => ends.push(reason))

  await guard.close()

  expect(await guard.admit(`Bearer ${pair.accessToken}`)).toMatchObject({ ok: false, status: 503 })
  expect(await guard.check((await issue()).accessToken)).toMatchObject({ outcome: 'unsure' })
  expect(ends).toEqual(['closed'])
  await expect(guard.ready()).rejects.toThrow('closed')
  expect(events.at(-1)).toEqual({ name: 'state_changed', from: 'FOLLOWING', to: 'CLOSED' })
})

test('claims of a verified signed token are judged by the same revocations', async () => {
  const { guard } = await followService(service)
  const pair = await issue()
  const found = await service.tokens.introspect(pair.accessToken, admin)
  const seconds = Math.floor(service.clock.now().getTime() / 1000)
  const claims = {
    jti: String(found.active ? found.pair.id : 0),
    sid: String(pair.session.id),
    sub: 'staff/alice',
    client_id: 'admin',
    scope: 'read manage_token',
    iat: seconds,
    exp: seconds + 600,
  }

  expect(guard.checkClaims(claims)).toMatchObject({ outcome: 'valid', token: { kind: 'signed', scopes: ['read'] } })
  for (const name of ['jti', 'sid', 'sub', 'client_id', 'iat', 'exp'])
    expect(guard.checkClaims({ ...claims, [name]: undefined }), name).toEqual(invalid)
  await invalidate({ kind: 'session', id: pair.session.id })
  await expect.poll(() => guard.checkClaims(claims)).toEqual(invalid)
})
