import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPort, type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { readConfig } from '../../src/config.ts'
import type { ServiceEvent } from '../../src/events/events.ts'
import { createHandler } from '../../src/http/handler.ts'
import { startService } from '../../src/service.ts'
import type { DatabaseOptions } from '../../src/storage/engine/database.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { openTokenService, type TokenService } from '../../src/token-service.ts'
import type { OperatorCaller } from '../../src/tokens/caller.ts'
import { dump, missingTools, restore, startStandby } from '../support/postgres-tools.ts'
import { admin, ask } from '../support/service.ts'
import { statementsOf } from '../support/statements.ts'

const operator: OperatorCaller = { kind: 'operator', name: 'test' }
const reason = missingTools.length === 0 ? '' : ` (skipped: this PostgreSQL has no ${missingTools.join(', ')})`

let postgres: RunningPostgres
let folder: string
beforeAll(async () => {
  postgres = await startPostgres()
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-restore-'))
})
afterAll(async () => {
  await postgres.stop()
  await rm(folder, { recursive: true })
})

const opened = new Set<TokenService>()
async function close(...services: readonly TokenService[]): Promise<void> {
  for (const service of services) {
    opened.delete(service)
    await service.database.close()
  }
}
afterAll(() => close(...opened))

interface Opened extends TokenService {
  readonly events: readonly ServiceEvent[]
}
async function open(location: Record<string, string>, options: DatabaseOptions = {}): Promise<Opened> {
  const events: ServiceEvent[] = []
  const emit = (event: ServiceEvent) => void events.push(event)
  const service = await openTokenService(readConfig(location), { clock: () => new Date(), emit, ...options })
  const noting = { ...service, events }
  opened.add(noting)
  return noting
}
const at = (url: string) => ({ DATABASE_URL: url })

async function login({ tokens }: TokenService, username: string) {
  return tokens.issue({ owner: { realm: 'staff', username } }, admin)
}
const isActive = async ({ tokens }: TokenService, token: string) => (await tokens.introspect(token, admin)).active
const end = ({ tokens }: TokenService, token: string) =>
  tokens.invalidate({ kind: 'access-token', token }, operator, { wholeSession: true })
const log = ({ database }: TokenService) => createRevocationLog(database)
const file = (name: string) => join(folder, name)

/** Logs alice in, takes a backup, then ends her session and logs bob in: what a restore takes back. */
async function liveThroughBackup(name: string) {
  const url = await postgres.createDatabase(name)
  const service = await open(at(url))
  const alice = await login(service, 'alice')
  await dump(url, file(name))
  await end(service, alice.accessToken)
  const bob = await login(service, 'bob')
  const cursor = await log(service).position()
  return { url, service, alice: alice.accessToken, bob, cursor }
}

async function query(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}

describe.skipIf(missingTools.length > 0)(`a database that was restored from a backup${reason}`, () => {
  test('into a new database is refused until an operator completes the restore, which ends what had come back to life', async () => {
    const { alice, bob, cursor } = await liveThroughBackup('new')
    const url = await postgres.createDatabase('new_again')
    await restore(url, file('new'))

    const refused = {
      code: 'ERR_DATABASE_RESTORED',
      message: expect.stringMatching(/was last used as another database.*Run `invalidate-token restored`/),
    }
    await expect(open(at(url))).rejects.toMatchObject(refused)
    await expect(startService(readConfig({ ...at(url), PORT: '0' }), { emit: () => undefined })).rejects.toMatchObject(
      refused,
    )
    const repairing = await open(at(url), { allowRestored: true })
    expect(repairing.database.identity.noticed()).toMatch('another database')
    expect(await isActive(repairing, alice)).toBe(true)
    expect(await repairing.completeRestore({ dryRun: true }, operator)).toMatchObject({
      invalidated: 2,
      revision: undefined,
    })
    expect(await isActive(repairing, alice)).toBe(true)

    const completed = await repairing.completeRestore({}, operator)

    expect(completed).toMatchObject({ invalidated: 2, previouslyInvalidated: 0 })
    const service = await open(at(url))
    expect([await isActive(service, alice), await isActive(service, bob.accessToken)]).toEqual([false, false])
    const carol = await login(service, 'carol')
    expect(await isActive(service, carol.accessToken)).toBe(true)
    expect(carol.session.id).toBeGreaterThan(bob.session.id + 2 ** 32)
    expect(await log(service).readSince(cursor, { limit: 10 })).toMatchObject({
      hasGap: true,
      revocations: [{ selector: 'everything', revision: completed.revision, bound: completed.revision }],
    })
    expect(
      await service.tokens.listRevocations(
        { scope: undefined, sessionId: undefined, reason: undefined, before: undefined, limit: 1 },
        operator,
      ),
    ).toMatchObject([{ comment: 'database restored', caller: 'operator:test', counts: { invalidated: 2 } }])
  })

  test('under a running service is noticed at its next check, refused, and served again once the restore is completed', async () => {
    const { url, service, alice, cursor } = await liveThroughBackup('same')
    const handler = createHandler({ ...service, assertReady: service.database.ping, emit: () => undefined })
    const ready = async () => (await handler(new Request('http://localhost/ready'))).status
    expect(await ready()).toBe(200)
    await restore(url, file('same'), ['--clean', '--if-exists'])

    await service.database.identity.check()
    await service.database.identity.check()

    const noticed = 'written by a restore and not by this service'
    expect(service.events).toEqual([{ name: 'database_restored', facts: { noticed } }])
    expect(await ready()).toBe(503)
    const sentence = expect.stringMatching(/^The database was restored from a backup/)
    await expect(service.tokens.introspect(alice, admin)).rejects.toMatchObject({
      code: 'ERR_STORAGE_UNAVAILABLE',
      message: sentence,
    })
    expect(
      await ask(handler, `{ introspectToken(token: "${alice}") { active } }`, { authorization: 'Basic YTph' }),
    ).toMatchObject({ status: 503, errors: [{ message: sentence, extensions: { code: 'SERVICE_UNAVAILABLE' } }] })
    await expect(open(at(url))).rejects.toMatchObject({
      code: 'ERR_DATABASE_RESTORED',
      message: expect.stringContaining(noticed),
    })
    const repairing = await open(at(url), { allowRestored: true })
    expect(await isActive(repairing, alice)).toBe(true)
    await repairing.completeRestore({}, operator)

    await service.database.identity.check()

    expect(await ready()).toBe(200)
    expect(await isActive(service, alice)).toBe(false)
    const again = await login(service, 'alice')
    expect(await isActive(service, again.accessToken)).toBe(true)
    expect(await end(service, again.accessToken)).toMatchObject({ invalidated: 2 })
    expect(await log(service).readSince(cursor, { limit: 10 })).toMatchObject({ hasGap: true })
  })

  test('in a planned move ends nothing, and its followers begin anew', async () => {
    const { alice, cursor } = await liveThroughBackup('move')
    const other = await startPostgres()
    const url = await other.createDatabase('moved')
    await restore(url, file('move'))
    await expect(open(at(url))).rejects.toMatchObject({ message: expect.stringContaining('another PostgreSQL server') })
    const repairing = await open(at(url), { allowRestored: true })

    const completed = await repairing.completeRestore({ nothingLost: true }, operator)

    expect(completed).toMatchObject({ invalidated: 0, previouslyInvalidated: 0, revision: undefined })
    const service = await open(at(url))
    expect(await isActive(service, alice)).toBe(true)
    expect((await login(service, 'carol')).session.id).toBeLessThan(100)
    expect(await log(service).readSince(cursor, { limit: 10 })).toMatchObject({ hasGap: true, revocations: [] })
    await close(repairing, service)
    await other.stop()
  })

  test('has a log whose rows followers read once, although its transactions are still to come here', async () => {
    const from = await postgres.createDatabase('future')
    const before = await open(at(from))
    const transactions = `do $$ begin for n in 1..3000 loop perform pg_current_xact_id(); commit; end loop; end $$`
    await query(from, transactions)
    await end(before, (await login(before, 'alice')).accessToken)
    await dump(from, file('future'))
    const other = await startPostgres()
    const url = await other.createDatabase('young')
    await restore(url, file('future'))

    const service = await open(at(url), { allowRestored: true })
    await service.completeRestore({ nothingLost: true }, operator)

    const page = await log(service).readSince(undefined, { limit: 10 })
    expect(page.revocations).toHaveLength(1)
    expect(await log(service).readSince(page.cursor, { limit: 10 })).toMatchObject({ revocations: [], hasGap: false })
    await close(service)
    await other.stop()
  })

  test('twice begins two epochs, and gives out no number twice', async () => {
    await liveThroughBackup('twice')
    const restoreAgain = async (name: string) => {
      const url = await postgres.createDatabase(name)
      await restore(url, file('twice'))
      const service = await open(at(url), { allowRestored: true })
      const { epoch } = await service.completeRestore({}, operator)
      return { epoch, id: (await login(service, 'alice')).session.id }
    }

    const [first, second] = [await restoreAgain('twice_1'), await restoreAgain('twice_2')]

    expect(second.epoch).not.toBe(first.epoch)
    expect(second.id).toBeGreaterThan(first.id)
  })

  test('is not what a failover to a standby looks like: that is served, with an event', async () => {
    const primary = await startPostgres()
    const service = await open(at(await primary.createDatabase('tokens')))
    const alice = await login(service, 'alice')
    const cursor = await log(service).position()
    const standby = await startStandby(primary, await findPort())
    await close(service)
    await primary.kill()
    await standby.promote()
    const url = standby.url.replace(/[^/]*$/, 'tokens')

    const [promoted, another] = [await open(at(url)), await open(at(url))]

    const changed = { name: 'database_timeline_changed', facts: { from: 1, to: 2 } }
    expect([promoted.events, another.events]).toEqual([[changed], []])
    expect(promoted.database.identity.noticed()).toBeUndefined()
    expect(await isActive(promoted, alice.accessToken)).toBe(true)
    expect(await log(promoted).readSince(cursor, { limit: 1 })).toMatchObject({ hasGap: true })
    await close(promoted, another)
    await standby.stop()
    await primary.stop()
  })
})

test('a copy made with `create database … template` is taken for a restore', async () => {
  const service = await open(at(await postgres.createDatabase('original')))
  await close(service)

  const copy = await postgres.createDatabase('copy', 'original')

  await expect(open(at(copy))).rejects.toMatchObject({ code: 'ERR_DATABASE_RESTORED' })
})

test('neither vacuum nor a new index, a lock or a restart of the server is taken for a restore', async () => {
  const server = await startPostgres()
  const url = await server.createDatabase('tokens')
  const service = await open(at(url))
  const table = 'database_identity'
  for (const statement of [
    `vacuum freeze ${table}`,
    `vacuum full ${table}`,
    `vacuum (full, freeze) ${table}`,
    `cluster ${table} using ${table}_pkey`,
    `reindex table ${table}`,
    `select from ${table} for update`,
    `alter table ${table} add column another int default 1`,
    'vacuum full',
  ]) {
    await query(url, statement)
    await service.database.identity.check()
    expect(service.database.identity.noticed(), statement).toBeUndefined()
  }
  await close(service)
  await server.restart()

  const again = await open(at(url))
  expect(again.database.identity.noticed()).toBeUndefined()
  await close(again)
  await server.stop()
})

test('an embedded folder that was copied back is not noticed, but what was issued before ends by one command', async () => {
  const [data, backup] = [join(folder, 'data'), join(folder, 'backup')]
  const reopen = () => open({ DATA_DIR: data })
  const before = await reopen()
  const alice = await login(before, 'alice')
  await close(before)
  await cp(data, backup, { recursive: true })
  const lost = await reopen()
  await end(lost, alice.accessToken)
  const bob = await login(lost, 'bob')
  await close(lost)
  await rm(data, { recursive: true })
  await cp(backup, data, { recursive: true })
  const service = await reopen()
  expect(await isActive(service, alice.accessToken)).toBe(true)
  expect(await isActive(service, bob.accessToken)).toBe(false)
  await expect.poll(() => service.events).toMatchObject([{ name: 'token_beyond_sequence' }])
  const since = new Date(Date.now() + 1)
  await expect.poll(() => new Date() > since).toBe(true)
  const carol = await login(service, 'carol')

  const completed = await service.completeRestore({ since }, operator)

  expect(completed).toMatchObject({ invalidated: 2 })
  const isLive = async (token: string) => isActive(service, token)
  expect([await isLive(alice.accessToken), await isLive(carol.accessToken)]).toEqual([false, true])
  expect((await login(service, 'dave')).session.id).toBeGreaterThan(completed.revision ?? 0)
})

test('only an operator can say that a database was restored, and only of the past', async () => {
  const service = await open(at(await postgres.createDatabase('operator')))
  const future = new Date(Date.now() + 60_000)

  await expect(service.completeRestore({}, admin)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
  await expect(service.completeRestore({ since: future }, operator)).rejects.toMatchObject({ code: 'ERR_BAD_INPUT' })
})

test('the restore of a database whose numbers are used up is refused', async () => {
  const url = await postgres.createDatabase('used_up')
  const service = await open(at(url))
  await query(url, `select setval('revision', ${2 ** 48 - 2})`)

  const refused = service.completeRestore({}, operator)

  await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('used up') })
})

test('tokens that were never issued cost one query and one event a minute, however many are presented', async () => {
  const service = await open(at(await postgres.createDatabase('unknown')))
  const elsewhere = await open(at(await postgres.createDatabase('elsewhere')))
  const foreign = await Promise.all(Array.from({ length: 20 }, () => login(elsewhere, 'mallory')))

  const sent = await statementsOf(service.database, async () => {
    for (const { accessToken, refresh } of foreign) {
      await service.tokens.introspect(accessToken, admin)
      await service.tokens.invalidate({ kind: 'access-token', token: accessToken }, admin)
      await service.tokens.refresh(refresh?.token ?? '')
    }
  })

  expect(sent.filter(({ text }) => text.includes('last_value'))).toHaveLength(1)
  const facts = { id: expect.any(Number), lastValue: expect.any(Number) }
  await expect.poll(() => service.events).toEqual([{ name: 'token_beyond_sequence', facts }])
})
