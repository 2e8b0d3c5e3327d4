import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import { createRestoreStore } from '../../src/storage/restore-store.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { tokenPairs } from '../../src/storage/schema.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import { createTokens, type Tokens } from '../../src/tokens/tokens.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()

const alice = { realm: 'staff', username: 'alice' }
const lifetimes = { accessTokenSeconds: 1200, refreshTokenSeconds: 30 * 86_400, refreshGraceSeconds: 30 }
const at = (seconds: number) => new Date(Date.parse('2026-11-21T09:00:00Z') + seconds * 1000)

/** A process whose clock is wrong by `skew` seconds, at an instant by the database's clock. */
function processAt(seconds: number, skew: number): Tokens {
  const clock = sql`${at(seconds).toISOString()}::timestamptz`
  const database = { ...service.database, clock, statementName: () => '' }
  return createTokens({
    store: createTokenStore(database),
    log: createRevocationLog(database),
    clients: createClientStore(database),
    lifetimes,
    clock: () => at(seconds + skew),
    emit: () => {},
  })
}

const scopes: readonly (readonly [name: string, target: InvalidationTarget])[] = [
  ['an owner', { kind: 'owner', scope: { kind: 'realm-user', ...alice } }],
  ['a realm', { kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }],
  ['a username', { kind: 'owner', scope: { kind: 'username', username: 'alice' } }],
  ['a client', { kind: 'client', clientId: 'admin' }],
  ['everything', { kind: 'everything' }],
]
const minute = 60
const hour = 3600
const skews = [26 * hour, hour, 10 * minute, 1, 0, -1, -10 * minute, -hour, -26 * hour]

describe.each(skews)('a login by a process whose clock is wrong by %d s', (skew) => {
  /** A login at 0 s, refreshed at 5 s, by the database's clock. */
  async function login() {
    const { refresh, session } = await processAt(0, skew).issue({ owner: alice }, admin)
    await processAt(5, skew).refresh(refresh?.token ?? 'none')
    return session
  }
  /** Whether the sweep ends it. The counts are of tokens that have not expired by the clock of the process that counts. */
  async function ends(target: InvalidationTarget, issuedBefore: Date): Promise<boolean> {
    const session = await login()
    const { revision } = await processAt(10, 0).invalidate(target, admin, { issuedBefore })
    const found = await processAt(10, 0).findSession(session.id, admin)
    expect(found?.endedBy).toBe(revision)
    return found?.endedBy !== undefined
  }

  test.each(scopes)('ends by a sweep of %s if it was made before the instant, and not if after', async (_, target) => {
    expect(await ends(target, at(-0.5))).toBe(false)
    expect(await ends(target, at(0.5))).toBe(true)
  })

  test('is spared by a restore if it was made since the instant', async () => {
    const session = await login()
    const { count } = createRestoreStore(service.database)

    expect((await count({ kind: 'writes', before: at(-0.5) }, at(6))).invalidated).toBe(0)
    expect((await processAt(10, 0).findSession(session.id, admin))?.startedAt.getTime()).toBeCloseTo(
      at(0).getTime(),
      -2.5,
    )
  })
})

test('a login by a process whose clock is right, or wrong by less than a tenth of a second, takes no more room', async () => {
  for (const skew of [0, 0.09, -0.09]) await processAt(0, skew).issue({ owner: alice }, admin)

  const { sessionStartedAt } = tokenPairs
  const rows = await service.database.db.select({ isShort: sql`${sessionStartedAt} is null` }).from(tokenPairs)

  expect(rows).toEqual([{ isShort: true }, { isShort: true }, { isShort: true }])
})

test('the expiry of a token is by the clock of its process, like the instant at which it was issued', async () => {
  const { accessToken } = await processAt(0, hour).issue({ owner: alice }, admin)

  expect(await processAt(0, hour).introspect(accessToken, admin)).toMatchObject({
    issuedAt: at(hour),
    expiresAt: at(hour + 1200),
  })
})
