import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { completeCounts } from '../../src/storage/invalidate-scope.ts'
import { startRetention } from '../../src/storage/retention.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'

let postgres: RunningPostgres
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres.stop())

const at = new Date()
const attribution = { at, caller: 'client:admin' }
const everything = { kind: 'sweep', scope: { kind: 'everything' } } as const
const half = { digest: new Uint8Array(16), expiresAt: new Date(at.getTime() + 3_600_000) }
const pair = {
  slot: 0,
  owner: { realm: 'staff', username: 'alice' },
  clientId: 'web',
  credentialRevision: undefined,
  scopes: [],
  device: { label: undefined, userAgent: undefined, ipAddress: undefined },
  issuedAt: at,
  access: half,
  refresh: half,
}

/** A database with one pair, and a lock on the pairs that lets a revocation commit but makes every count wait. */
async function openWithLock(name: string) {
  const url = await postgres.createDatabase(name)
  const database = await openDatabase({ kind: 'postgres', url, directUrl: url }, { statementTimeoutMs: 1_000 })
  const store = createTokenStore(database)
  await store.issue(pair)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('begin')
  await client.query('lock table token_pairs in access exclusive mode')
  const unlock = async () => {
    await client.query('rollback')
    await client.end()
  }
  return { database, store, log: createRevocationLog(database), unlock }
}

test('a count that outlasts the deadline is answered with the revocation, which stands, and is counted later', async () => {
  const { database, store, log, unlock } = await openWithLock('late_count')

  const failure = await store.invalidateScope(everything, attribution).catch((error: unknown) => error)

  const [revocation] = await log.list({
    scope: undefined,
    sessionId: undefined,
    reason: undefined,
    before: undefined,
    limit: 1,
  })
  expect(failure).toMatchObject({
    code: 'ERR_STORAGE_UNAVAILABLE',
    message: `Revocation ${revocation?.revision} has taken effect, but it could not be counted in time: its counts follow in the record.`,
  })
  expect(revocation).toMatchObject({ selector: 'everything', counts: undefined })

  await unlock()
  expect(await completeCounts(database, new Date(at.getTime() + 300_000))).toBe(1)
  expect((await log.find(revocation?.revision ?? 0))?.counts).toEqual({ invalidated: 2, previouslyInvalidated: 0 })
  await database.close()
})

test('a change of a client is answered even if the tokens that it ended could not be counted in time', async () => {
  const { database, log, unlock } = await openWithLock('late_client')
  const clients = createClientStore(database)
  await clients.putClient({ id: 'web', secretDigest: new Uint8Array(32), scopes: [] })
  const by = { ...attribution, clientId: 'operator:test', credentialRevision: undefined, heldScopes: undefined }

  const changed = await clients.changeClient('web', { kind: 'disable', ends: 'created' }, by)

  const ended = changed.outcome === 'changed' ? changed.ended : expect.unreachable(changed.outcome)
  expect(ended).toEqual({ revision: expect.any(Number), counts: undefined })
  await unlock()
  await completeCounts(database, new Date(at.getTime() + 300_000))
  expect((await log.find(ended?.revision ?? 0))?.counts).toEqual({ invalidated: 2, previouslyInvalidated: 0 })
  await database.close()
})

test('a count in the background ends when the service stops', async () => {
  const { database, store, unlock } = await openWithLock('cancelled_count')
  await store.invalidateScope(everything, attribution).catch(() => undefined)
  const options = { revocationDays: 30, clock: () => new Date(at.getTime() + 300_000) }
  const stop = startRetention(database, options)
  await expect
    .poll(async () => {
      const client = new pg.Client({ connectionString: postgres.url })
      await client.connect()
      const waiting = await client.query("select from pg_stat_activity where wait_event_type = 'Lock'")
      await client.end()
      return waiting.rowCount
    })
    .toBeGreaterThan(0)

  await stop()

  await unlock()
  await database.close()
})
