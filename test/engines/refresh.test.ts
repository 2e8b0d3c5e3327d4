import { getTableColumns } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { instantOf } from '../../src/storage/columns.ts'
import { lostRace, prepareRefresh } from '../../src/storage/refresh.ts'
import { revocationColumns } from '../../src/storage/revocation-columns.ts'
import { revocations, spentRefreshTokens, tokenPairs } from '../../src/storage/schema.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import type { RefreshAnswer, RefreshTerms, TermsNotMet } from '../../src/tokens/refresh.ts'
import { mintSalt, mintSecrets, type PresentedToken, readToken } from '../../src/tokens/token.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()

const alice = { realm: 'staff', username: 'alice' }
const issue = (scopes: readonly string[] = []) => service.tokens.issue({ owner: alice, scopes }, admin)
const refreshTokenOf = (pair: IssuedPair) => pair.refresh?.token ?? 'none'
const refresh = (pair: IssuedPair, tokens = service.tokens) => tokens.refresh(refreshTokenOf(pair))
const isActive = async (token: string) => (await service.tokens.introspect(token, admin)).active
const twenty = <Answer>(run: () => Promise<Answer>) => Promise.all(Array.from({ length: 20 }, run))

function successorOf(answer: RefreshAnswer): IssuedPair {
  if (answer.outcome === 'refused') throw new Error(`refused: ${answer.reason}`)
  return answer.pair
}

test('a refresh token is exchanged for a pair with the same owner, scopes and session', async () => {
  const pair = await issue(['read', 'write'])

  const successor = successorOf(await refresh(pair))

  expect(successor).toMatchObject({ scopes: ['read', 'write'], session: pair.session, expiresInSeconds: 1200 })
  expect(successor.accessToken).not.toBe(pair.accessToken)
  expect(await isActive(successor.accessToken)).toBe(true)
  expect(await isActive(refreshTokenOf(successor))).toBe(true)
})

test('after a refresh the old access token stays active until it expires; the spent refresh token is inactive at once', async () => {
  const pair = await issue()
  await refresh(pair)

  expect(await isActive(pair.accessToken)).toBe(true)
  expect(await isActive(refreshTokenOf(pair))).toBe(false)
})

test('twenty concurrent refreshes on each of two instances of the service all get the same pair', async () => {
  const pair = await issue()
  const other = service.another()

  const answers = (await Promise.all([twenty(() => refresh(pair)), twenty(() => refresh(pair, other))])).flat()

  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  expect(await service.database.db.$count(spentRefreshTokens)).toBe(1)
  expect(await service.database.db.$count(tokenPairs)).toBe(2)
})

describe('within the grace window', () => {
  test('a retry gets the same pair, with the seconds that are left', async () => {
    const pair = await issue()
    const first = successorOf(await refresh(pair))
    service.clock.advance(29)

    expect(successorOf(await refresh(pair))).toEqual({ ...first, expiresInSeconds: 1171 })
  })

  test('a retry still works after the successor itself was refreshed', async () => {
    const pair = await issue()
    const first = successorOf(await refresh(pair))
    await refresh(first)

    expect(successorOf(await refresh(pair))).toEqual(first)
  })

  test('a retry is refused once the owner was invalidated', async () => {
    const pair = await issue()
    await refresh(pair)
    await service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...alice } }, admin)

    expect(await refresh(pair)).toEqual({ outcome: 'refused', reason: 'invalidated' })
  })
})

describe('after the grace window', () => {
  test('a reuse is refused and ends the whole session, with every successor', async () => {
    const pair = await issue()
    const second = successorOf(await refresh(pair))
    const third = successorOf(await refresh(second))
    const elsewhere = await issue()
    service.clock.advance(30)

    expect(await refresh(pair)).toEqual({ outcome: 'refused', reason: 'already-used' })

    for (const ended of [pair, second, third]) expect(await isActive(ended.accessToken)).toBe(false)
    expect(await refresh(third)).toEqual({ outcome: 'refused', reason: 'invalidated' })
    expect(await isActive(elsewhere.accessToken)).toBe(true)
  })

  test('twenty concurrent reuses end the session in the name of the system, and count each half once', async () => {
    const pair = await issue()
    await refresh(pair)
    service.clock.advance(60)

    const answers = await twenty(() => refresh(pair))

    for (const answer of answers) expect(answer.outcome).toBe('refused')
    const log = await service.database.db.select(revocationColumns).from(revocations)
    expect(log.reduce((sum, { invalidated }) => sum + (invalidated ?? 0), 0)).toBe(4)
    for (const row of log) expect(row).toMatchObject({ selector: 'session', caller: 'system:refresh-token-reuse' })
  })

  test('without a window every reuse ends the session', async () => {
    const strict = service.another({ refreshGraceSeconds: 0 })
    const pair = await issue()
    const successor = successorOf(await refresh(pair, strict))

    expect(await refresh(pair, strict)).toEqual({ outcome: 'refused', reason: 'already-used' })
    expect(await isActive(successor.accessToken)).toBe(false)
  })
})

describe('a refusal says why', () => {
  test('expired: from the millisecond of the expiry on', async () => {
    const pair = await issue()
    service.clock.advance(86_400)

    expect(await refresh(pair)).toEqual({ outcome: 'refused', reason: 'expired' })
  })

  test('invalidated: by itself, or with its owner', async () => {
    const [one, other] = [await issue(), await issue()]
    await service.tokens.invalidate({ kind: 'refresh-token', token: refreshTokenOf(one) }, admin)
    expect(await refresh(one)).toEqual({ outcome: 'refused', reason: 'invalidated' })

    await service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }, admin)
    expect(await refresh(other)).toEqual({ outcome: 'refused', reason: 'invalidated' })
  })

  test('invalid: unknown, malformed, or an access token', async () => {
    const pair = await issue()
    expect(await service.tokens.refresh(pair.accessToken)).toEqual({ outcome: 'refused', reason: 'invalid' })
    expect(await service.tokens.refresh('garbage')).toEqual({ outcome: 'refused', reason: 'invalid' })

    await service.clear()
    expect(await refresh(pair)).toEqual({ outcome: 'refused', reason: 'invalid' })
  })

  test('an ended access token is no reason: its refresh token is exchanged', async () => {
    const pair = await issue()
    await service.tokens.invalidate({ kind: 'access-token', token: pair.accessToken }, admin)

    expect((await refresh(pair)).outcome).toBe('refreshed')
  })
})

test('forged tokens with the key of a genuine one, even before it in the same batch, do not prevent its refresh', async () => {
  const pair = await issue()
  const genuine = readToken(refreshTokenOf(pair)) ?? expect.unreachable()
  const forged = readToken(mintSecrets().refreshToken(genuine, genuine.expiresAt)) ?? expect.unreachable()
  const requestOf = (presented: PresentedToken) => {
    const half = { digest: new Uint8Array(24), expiresAt: genuine.expiresAt }
    return { presented, at: service.clock.now(), salt: mintSalt(), successor: { slot: 0, access: half, refresh: half } }
  }

  const answers = await prepareRefresh(service.database)([requestOf(forged), requestOf(genuine), requestOf(forged)])

  expect(answers.map((answer) => (answer === lostRace ? lostRace : answer.outcome))).toEqual([
    'unknown',
    'refreshed',
    'unknown',
  ])
})

test('a refused refresh leaves no row', async () => {
  const pair = await issue()
  service.clock.advance(86_400)
  await refresh(pair)

  expect(await service.database.db.$count(tokenPairs)).toBe(1)
  expect(await service.database.db.$count(spentRefreshTokens)).toBe(0)
  expect(await service.database.db.$count(revocations)).toBe(0)
})

test('the successor cannot be derived from the database and an old access token', async () => {
  const pair = await issue()
  const successor = successorOf(await refresh(pair))
  const [spent] = await service.database.db
    .select({ ...getTableColumns(spentRefreshTokens), spentAt: instantOf(spentRefreshTokens.spentAt) })
    .from(spentRefreshTokens)
  if (spent === undefined) throw new Error('nothing was spent')

  const fromAccessToken = readToken(pair.accessToken)?.deriveSuccessor(spent.salt)
  const fromRefreshToken = readToken(refreshTokenOf(pair))?.deriveSuccessor(spent.salt)

  const key = { slot: spent.successorSlot, id: spent.successorId }
  const expiresAt = readToken(successor.accessToken)?.expiresAt ?? new Date(0)
  expect(fromRefreshToken?.accessToken(key, expiresAt)).toBe(successor.accessToken)
  expect(fromAccessToken?.accessToken(key, expiresAt)).not.toBe(successor.accessToken)
})

test('concurrent refreshes and sweeps leave no token of the owner live, and count each half once', async () => {
  for (let round = 0; round < 10; round++) {
    await service.clear()
    const pairs = await Promise.all(Array.from({ length: 5 }, () => issue()))
    const other = service.another()

    const [refreshed, ...swept] = await Promise.all([
      Promise.all(pairs.map((pair) => refresh(pair))),
      other.invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...alice } }, admin),
      other.invalidate({ kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }, admin),
    ])

    const successors = refreshed.flatMap((answer) => (answer.outcome === 'refreshed' ? [answer.pair] : []))
    for (const pair of [...pairs, ...successors]) expect(await isActive(pair.accessToken)).toBe(false)
    const issued = 2 * (pairs.length + successors.length)
    expect(swept.reduce((sum, { invalidated }) => sum + invalidated, 0)).toBe(issued)
  }
})

describe('on terms', () => {
  const onTerms = (pair: IssuedPair, terms: RefreshTerms) => service.tokens.refreshOnTerms(refreshTokenOf(pair), terms)
  const notMet = (reason: TermsNotMet['reason']) => ({ outcome: 'terms-not-met', reason })

  test('another client’s token is not spent, and its own client may still spend it', async () => {
    const pair = await issue()

    expect(await onTerms(pair, { issuedTo: 'gateway' })).toEqual(notMet('other-client'))
    expect(await isActive(refreshTokenOf(pair))).toBe(true)
    expect(await onTerms(pair, { issuedTo: 'admin' })).toMatchObject({ outcome: 'refreshed' })
  })

  test('a token is not spent for more scopes than granted; for fewer scopes it is, and keeps the granted ones', async () => {
    const pair = await issue(['read', 'write'])

    expect(await onTerms(pair, { scopes: ['read', 'delete'] })).toEqual(notMet('beyond-grant'))
    expect(await onTerms(pair, { scopes: ['read'] })).toMatchObject({ pair: { scopes: ['read', 'write'] } })
  })

  test('a fault of the token is answered before a fault of the terms', async () => {
    const [invalidated, expired] = [await issue(), await issue()]
    await service.tokens.invalidate({ kind: 'refresh-token', token: refreshTokenOf(invalidated) }, admin)

    expect(await onTerms(invalidated, { issuedTo: 'gateway' })).toMatchObject({ reason: 'invalidated' })
    service.clock.advance(86_400)
    expect(await onTerms(expired, { issuedTo: 'gateway' })).toMatchObject({ reason: 'expired' })
    expect(await service.tokens.refreshOnTerms('garbage', { issuedTo: 'gateway' })).toMatchObject({ reason: 'invalid' })
  })

  test('a forged token with the key of a genuine one does not reveal which client holds it', async () => {
    const genuine = readToken(refreshTokenOf(await issue())) ?? expect.unreachable()
    const forged = mintSecrets().refreshToken(genuine, genuine.expiresAt)

    expect(await service.tokens.refreshOnTerms(forged, { issuedTo: 'gateway' })).toMatchObject({ reason: 'invalid' })
  })

  test('twenty concurrent refreshes that meet the terms all get the same pair', async () => {
    const pair = await issue(['read'])

    const answers = await twenty(() => onTerms(pair, { issuedTo: 'admin', scopes: ['read'] }))

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  })
})
