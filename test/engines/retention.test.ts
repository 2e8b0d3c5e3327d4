import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { completeCounts } from '../../src/storage/invalidate-scope.ts'
import { deleteExpired } from '../../src/storage/retention.ts'
import { revocationColumns } from '../../src/storage/revocation-columns.ts'
import { revocations, spentRefreshTokens, tokenPairs } from '../../src/storage/schema.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()

const hour = 3600
const issue = () => service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
const runRetention = (revocationDays = 0) =>
  deleteExpired(service.database, { revocationDays, clock: service.clock.now })
const end = (pair: IssuedPair) => service.tokens.invalidate({ kind: 'access-token', token: pair.accessToken }, admin)
const endAll = () => service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }, admin)
const isActive = async (pair: IssuedPair) => (await service.tokens.introspect(pair.refresh?.token ?? '', admin)).active
async function rows() {
  const { db } = service.database
  return {
    pairs: await db.$count(tokenPairs),
    spent: await db.$count(spentRefreshTokens),
    revocations: await db.$count(revocations),
  }
}

test('a slot is emptied once no pair in it can be used any more, and live pairs stay', async () => {
  const old = await issue()
  await service.tokens.refresh(old.refresh?.token ?? '')
  service.clock.advance(12 * hour)
  const young = await issue()
  expect(await rows()).toEqual({ pairs: 3, spent: 1, revocations: 0 })

  service.clock.advance(12 * hour)
  expect((await runRetention()).slots).toEqual([])
  service.clock.advance(hour)
  expect((await runRetention()).slots).toHaveLength(1)

  expect(await rows()).toEqual({ pairs: 1, spent: 0, revocations: 0 })
  expect(await isActive(young)).toBe(true)
})

test('with a login each hour for three days at most 30 hours of pairs are kept, and no live pair is lost', async () => {
  const live: IssuedPair[] = []
  for (let passed = 0; passed < 72; passed++) {
    live.push(await issue())
    if (live.length > 24) live.shift()
    await runRetention()
    service.clock.advance(hour)
  }
  service.clock.advance(-hour)

  expect((await rows()).pairs).toBeLessThanOrEqual(30)
  for (const pair of live) expect(await isActive(pair)).toBe(true)
})

test('a revocation is kept until no token that it covers can be live, and until its days are over', async () => {
  const pair = await issue()
  await end(pair)
  await endAll()
  service.clock.advance(23 * hour)
  await runRetention()
  expect(await rows()).toEqual({ pairs: 1, spent: 0, revocations: 2 })
  expect(await isActive(pair)).toBe(false)

  service.clock.advance(2 * hour)
  await runRetention(7)
  expect(await rows()).toEqual({ pairs: 0, spent: 0, revocations: 2 })
  service.clock.advance(7 * 24 * hour)
  expect((await runRetention(7)).revocations).toBe(2)

  expect(await rows()).toEqual({ pairs: 0, spent: 0, revocations: 0 })
})

test('an old revocation stays as long as an older pair, and is deleted even if younger pairs are live', async () => {
  const long = service.another({ refreshTokenSeconds: 10 * 24 * hour })
  const old = await long.issue({ owner: { realm: 'staff', username: 'bob' } }, admin)
  await endAll()
  service.clock.advance(2 * 24 * hour)
  await runRetention()
  expect(await isActive(old)).toBe(false)
  expect((await rows()).revocations).toBe(1)

  service.clock.advance(7 * 24 * hour)
  const young = await issue()
  service.clock.advance(2 * 24 * hour)
  const younger = await issue()
  await runRetention()

  expect((await rows()).revocations).toBe(0)
  expect([await isActive(old), await isActive(young), await isActive(younger)]).toEqual([false, false, true])
})

test('counts that could not be recorded are still answered, and the log is completed later', async () => {
  const { db } = service.database
  await issue()
  await db.execute(sql`create function cut() returns trigger language plpgsql as 'begin raise sqlstate ''57P01''; end'`)
  await db.execute(sql`create trigger cut before update on revocations execute function cut()`)
  expect(await endAll()).toMatchObject({ invalidated: 2, previouslyInvalidated: 0 })
  await db.execute(sql`drop trigger cut on revocations`)
  await db.execute(sql`drop function cut`)
  await issue()
  await endAll()
  const log = async () =>
    (await db.select(revocationColumns).from(revocations).orderBy(revocations.revision)).map(
      ({ invalidated }) => invalidated,
    )
  expect(await log()).toEqual([null, 2])

  expect(await completeCounts(service.database, service.clock.now())).toBe(0)
  service.clock.advance(hour)
  expect(await completeCounts(service.database, service.clock.now())).toBe(1)

  expect(await log()).toEqual([2, 2])
})

test('one run deletes more revocations than one batch has', async () => {
  const values = Array.from({ length: 11_000 }, (_, index) => ({
    revision: index + 1,
    selector: 'access_token' as const,
    pairId: index + 1,
    at: new Date(0),
    caller: 'test',
  }))
  for (let start = 0; start < values.length; start += 1000)
    await service.database.db.insert(revocations).values(values.slice(start, start + 1000))

  expect((await runRetention()).revocations).toBe(11_000)
})

test('a deleted token is unknown: 0/0', async () => {
  const pair = await issue()
  service.clock.advance(30 * hour)
  await runRetention()

  expect(await end(pair)).toMatchObject({ invalidated: 0, previouslyInvalidated: 0 })
})
