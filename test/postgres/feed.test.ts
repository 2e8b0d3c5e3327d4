import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startListener } from '../../src/storage/engine/listener.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { deleteExpired } from '../../src/storage/retention.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { nothingAppended } from '../../src/tokens/block.ts'
import { createSubscriptions } from '../../src/tokens/live/subscriptions.ts'
import { startProxy } from '../support/proxy.ts'
import { admin, openTestService, type TestService } from '../support/service.ts'

let service: TestService
let url: string
let clients: pg.Client[]
// Each test has its own service: a notification may arrive up to 20 ms after its commit, and these tests count them.
beforeEach(async () => {
  service = await openTestService()
  url = service.url ?? expect.unreachable()
  clients = []
})
afterEach(async () => {
  for (const client of clients) await client.end()
  await service.close()
})

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  clients.push(client)
  return client
}

/** Takes its revision first and commits some time later, as a slow or distant writer does. */
async function appendSlowly(client: pg.Client, pairId: number): Promise<number> {
  await client.query('begin')
  const { rows } = await client.query("select nextval('revision')::int as revision")
  await sleep(randomInt(12))
  await client.query(
    "insert into revocations (revision, selector, pair_id, at, caller) values ($1, 'access_token', $2, now(), 'test')",
    [rows[0].revision, pairId],
  )
  await sleep(randomInt(12))
  await client.query('commit')
  return rows[0].revision
}

/** The wrong way to read the log: it continues after the highest revision that it has seen. */
async function readNaively(client: pg.Client, seen: number[]): Promise<void> {
  const { rows } = await client.query('select revision::int from revocations where revision > $1 order by revision', [
    seen.at(-1) ?? 0,
  ])
  seen.push(...rows.map(({ revision }) => revision))
}

test('while eight clients write concurrently, a reader by revision misses rows, and a follower gets each row once', async () => {
  const log = createRevocationLog(service.database)
  const stream = await createSubscriptions({
    log,
    store: { find: async () => undefined },
    clients: { findClient: async () => undefined },
    clock: () => new Date(),
  }).followRevocations(undefined, admin)
  const followed: number[] = []
  const following = (async () => {
    for await (const { revocations } of stream) followed.push(...revocations.map(({ revision }) => revision))
  })()
  const naive: number[] = []
  const paged: number[] = []
  const reader = await connect()
  const appended: number[] = []
  let isWriting = true
  let pairId = 0
  const writers = Array.from({ length: 8 }, async () => {
    const client = await connect()
    for (let n = 0; n < 30; n++) {
      appended.push(await appendSlowly(client, ++pairId))
      service.database.notifications.notify(nothingAppended)
    }
  })
  const reading = (async () => {
    for (let cursor: string | undefined, isLast = false; !isLast; ) {
      isLast = !isWriting
      await readNaively(reader, naive)
      for (let hasMore = true; hasMore; ) {
        const page = await log.readSince(cursor, { limit: randomInt(1, 8) })
        paged.push(...page.revocations.map(({ revision }) => revision))
        ;({ cursor, hasMore } = page)
      }
    }
  })()

  await Promise.all(writers)
  isWriting = false
  await reading
  while (followed.length < appended.length) await sleep(5)
  await stream.return?.()
  await following

  const inOrder = (revisions: readonly number[]) => revisions.toSorted((one, other) => one - other)
  expect(inOrder(paged)).toEqual(inOrder(appended))
  expect(inOrder(followed)).toEqual(inOrder(appended))
  expect(naive.length).toBeLessThan(appended.length)
  console.info(`a reader by revision missed ${appended.length - naive.length} of ${appended.length} rows`)
})

test('a notification that a process sends just before it closes reaches the others', async () => {
  const listener = await connect()
  let notifications = 0
  listener.on('notification', () => {
    notifications++
  })
  await listener.query('listen revocations')

  for (let round = 1; round <= 3; round++) {
    const closing = await openDatabase({ kind: 'postgres', url, directUrl: url })
    closing.notifications.notify(nothingAppended)
    await closing.close()

    await expect.poll(() => notifications).toBe(round)
  }
})

test('a cursor from before a days-old transaction has a gap once its row is deleted, and not while it is running', async () => {
  const log = createRevocationLog(service.database)
  const runRetention = () => deleteExpired(service.database, { revocationDays: 0, clock: service.clock.now })
  const append = (client: pg.Client, pairId: number) =>
    client.query(
      `insert into revocations (revision, selector, pair_id, at, caller)
       values (nextval('revision'), 'access_token', $1, '2026-01-01', 'test')`,
      [pairId],
    )
  const hasGap = async () => (await log.readSince(cursor, { limit: 10 })).hasGap
  const [old, young] = [await connect(), await connect()]
  await old.query('begin')
  await append(old, 1_000)
  await append(young, 1_001)
  const xid = 'select xid::text from revocations where pair_id = $1'
  const [running, seen] = [(await old.query(xid, [1_000])).rows[0].xid, (await young.query(xid, [1_001])).rows[0].xid]
  // The cursor is built by hand: one from the log would include the transactions of other tests on this server.
  const [format, cluster] = Buffer.from(await log.position(), 'base64url')
    .toString()
    .split(' ')
  const snapshot = `${running}:${BigInt(seen) + 1n}:${running}`
  const cursor = Buffer.from(`${format} ${cluster} ${snapshot}`).toString('base64url')

  expect((await runRetention()).revocations).toBeGreaterThan(0)
  expect(await hasGap()).toBe(false)

  await old.query('commit')
  expect((await runRetention()).revocations).toBe(1)
  expect(await hasGap()).toBe(true)
})

test('a listener whose connection dies silently notices it, listens again, and signals what it may have missed', async () => {
  const proxy = await startProxy(url)
  const events: string[] = []
  const until = async (count: number, event: string) => {
    while (events.filter((each) => each === event).length < count) await sleep(5)
  }
  const stop = startListener({
    directUrl: proxy.url,
    sender: 'own',
    heartbeatMs: 1_000,
    onChange: () => events.push('changed'),
    emit: ({ name }) => events.push(name),
  })
  await until(1, 'changed')

  proxy.cut()
  await until(1, 'listen_connection_lost')
  const eventsBefore = events.length
  proxy.heal()
  await until(eventsBefore, 'changed')
  const reported = events.filter((event) => event !== 'changed')
  expect(reported).toEqual(['listen_connection_lost', 'listen_connection_restored'])

  await stop()
  proxy.close()
})

test('a listener reports the notifications of others and not its own, and closes its connection when it stops', async () => {
  let changes = 0
  const client = await connect()
  const listening = async () =>
    (
      await client.query(
        "select from pg_stat_activity where application_name = 'invalidate-token listener' and datname = current_database()",
      )
    ).rowCount
  const stop = startListener({
    directUrl: url,
    sender: 'own',
    heartbeatMs: 60_000,
    onChange: () => changes++,
    emit: ({ name }) => expect.unreachable(name),
  })
  while (changes === 0) await sleep(5)

  await client.query("select pg_notify('revocations', 'own')")
  await client.query("select pg_notify('revocations', 'other')")
  while (changes === 1) await sleep(5)
  expect([changes, await listening()]).toEqual([2, 1])

  await stop()
  while ((await listening()) !== 0) await sleep(5)
})
