import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { until } from '../../scripts/lib/processes.ts'
import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import { admin, openTestService, type TestService } from '../support/service.ts'

let service: TestService
let other: pg.Client
beforeAll(async () => {
  service = await openTestService()
  other = new pg.Client({ connectionString: service.url })
  await other.connect()
})
beforeEach(() => service.clear())
afterAll(async () => {
  await other.end()
  await service.close()
})

const ofStaff: InvalidationTarget = { kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }
const issue = () => service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
const isLive = async (token: string) => (await service.tokens.introspect(token, admin)).active
const isWaiting = async () => {
  const { rowCount } = await other.query(`select from pg_locks where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())`)
  return rowCount === 1
}

test('a sweep with a future instant spares logins after that instant, also when the sweep waits for a lock meanwhile', async () => {
  const before = await issue()
  const inASecond = new Date(service.clock.now().getTime() + 1000)
  // The lock of a username's sweep blocks the sweep of the realm. Logins in the realm do not wait for that lock.
  await other.query("begin; select lock_scope(null, 'bob')")

  const sweep = service.tokens.invalidate(ofStaff, admin, { issuedBefore: inASecond })
  await until(isWaiting)
  service.clock.advance(2)
  const after = await issue()
  await other.query('rollback')

  expect(await sweep).toMatchObject({ invalidated: 2, previouslyInvalidated: 0 })
  expect([await isLive(before.accessToken), await isLive(after.accessToken)]).toEqual([false, true])
})
