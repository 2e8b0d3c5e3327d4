import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { clients, tokenPairs } from '../../src/storage/schema.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { serviceScopes } from '../../src/tokens/caller.ts'

let postgres: RunningPostgres
beforeAll(async () => {
  postgres = await startPostgres({ settings: { max_connections: '100' } })
})
afterAll(() => postgres.stop())

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

const open = (url: string) => openDatabase({ kind: 'postgres', url, directUrl: url })

test('twenty processes that start concurrently on an empty database all start, and one of them creates the admin', async () => {
  const url = await postgres.createDatabase('twenty')

  const opened = await Promise.all(Array.from({ length: 20 }, () => open(url)))
  const admin = { id: 'admin', secretDigest: new Uint8Array(32), scopes: [] }
  const added = await Promise.all(opened.map((database) => createClientStore(database).addFirstClient(admin)))

  expect(added.filter(Boolean)).toHaveLength(1)
  const { entries } = JSON.parse(await readFile('drizzle/meta/_journal.json', 'utf8'))
  const migrated = opened.flatMap(({ migrations }) => migrations)
  expect(migrated).toEqual(entries.map(({ tag }: { readonly tag: string }) => tag))
  expect(await opened[0]?.db.$count(clients)).toBe(1)
  await Promise.all(opened.map((database) => database.close()))
})

test('a second start applies no migration and keeps the data', async () => {
  const url = await postgres.createDatabase('second')
  const first = await open(url)
  await first.db.execute(
    sql`insert into token_pairs values (1, 1, now(), now(), now(), 0, default, 'r', 'u', 'c', '', '')`,
  )
  await first.close()

  const second = await open(url)

  expect(second.migrations).toEqual([])
  expect(await second.db.$count(tokenPairs)).toBe(1)
  await second.close()
})

test('the migrations match the tables in src/storage: drizzle-kit has nothing to add', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-drizzle-'))
  try {
    // A copy, so that the test never adds a migration to the real folder. drizzle-kit puts "./" before the path of the
    // folder, so the path must be relative.
    await cp('drizzle', folder, { recursive: true })
    const flags = ['--dialect=postgresql', '--schema=src/storage/schema.ts', `--out=${relative('.', folder)}`]

    const { stdout } = await promisify(execFile)('node_modules/.bin/drizzle-kit', ['generate', ...flags])

    expect(stdout).toContain('No schema changes, nothing to migrate')
  } finally {
    await rm(folder, { recursive: true })
  }
})

/** Makes the tables as the first few migrations make them. */
async function makeOldTables(client: pg.Client, migrations: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-old-'))
  try {
    await cp('drizzle', folder, { recursive: true })
    const journal = join(folder, 'meta/_journal.json')
    const { entries, ...rest } = JSON.parse(await readFile(journal, 'utf8'))
    await writeFile(journal, JSON.stringify({ ...rest, entries: entries.slice(0, migrations) }))
    await migrate(drizzle(client), { migrationsFolder: folder })
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Puts rows into the tables as the first three migrations make them, with digests of 24 bytes as they had then. */
async function fillOldTables(
  url: string,
  { accessDigest, refreshDigest }: Record<'accessDigest' | 'refreshDigest', Buffer>,
) {
  const client = await connect(url)
  try {
    await makeOldTables(client, 3)
    await client.query(
      `insert into token_pairs (id, session_id, issued_at, access_expires_at, expires_at, slot, realm, username,
        client_id, scopes, access_digest, refresh_digest)
      select id, 1, now() - interval '1 hour' * (9 - id), now() + interval '1 hour', now() + interval '1 day', 0, 'staff',
        'alice', 'login', '', $1, $2 from generate_series(1, 2) id`,
      [accessDigest, refreshDigest],
    )
    await client.query(`insert into revocations (revision, selector, pair_id, at, caller, invalidated, previously_invalidated)
      values (3, 'refresh_token', 1, now(), 'anonymous', 1, 0)`)
    await client.query(`select setval('revision', 3)`)
    await client.query(`insert into clients (id, secret_digest, scopes, created_at) values
      ('admin', '', '{create_token,introspect_token,manage_token}', now() - interval '1 day'),
      ('login', '', '{create_token,manage_token}', now())`)
  } finally {
    await client.end()
  }
}

test('issued tokens and their revocations survive an upgrade', async () => {
  const url = await postgres.createDatabase('upgrade')
  const secret = randomBytes(24)
  const digest = (kind: string) => createHash('sha256').update(kind).update(secret).digest().subarray(0, 24)
  const digests = { accessDigest: digest('ita_'), refreshDigest: digest('itr_') }
  await fillOldTables(url, digests)

  const database = await open(url)
  expect(database.migrations[0]).toBe('0003_sessions')
  const store = createTokenStore(database)
  const at = new Date()
  const [first, second] = await Promise.all([1, 2].map((id) => store.find({ slot: 0, id })))

  expect(first?.access.digest).toEqual(digests.accessDigest.subarray(0, 16))
  expect([first?.refresh?.isInvalidated, second?.refresh?.isInvalidated]).toEqual([true, false])
  expect(await store.findSession(1, at)).toMatchObject({
    startedAt: first?.issuedAt,
    lastRefreshedAt: second?.issuedAt,
  })
  const log = await createRevocationLog(database).list(wholeLog)
  expect(log).toMatchObject([{ revision: 3, realm: 'staff', username: 'alice', sessionId: 1 }])
  const scope = { kind: 'sweep', scope: { kind: 'realm', realm: 'staff' } } as const
  expect(await store.invalidateScope(scope, { at, caller: 'client:admin' })).toMatchObject({
    invalidated: 3,
    previouslyInvalidated: 1,
  })
  await database.close()
})

test('statements of processes that still run go on beside the migration, in whichever order they lock what it changes', async () => {
  const url = await postgres.createDatabase('upgrade_beside')
  const [reader, writer, observer] = [await connect(url), await connect(url), await connect(url)]
  await makeOldTables(observer, 6)
  // A statement that reads a token locks the view first, one that ends a token the log. "comment" locks the view alone.
  await reader.query(`begin; comment on view token_pair_states is null`)
  await writer.query('begin; lock table revocations in row exclusive mode')

  const opening = open(url)
  const waiting = async () => (await observer.query('select from pg_locks where not granted')).rowCount
  await expect.poll(waiting).toBeGreaterThan(0)
  const rest = [reader.query('select from revocations; commit'), writer.query('select from token_pair_states; commit')]

  await expect(Promise.all(rest)).resolves.toHaveLength(2)
  const database = await opening
  expect(database.migrations[0]).toBe('0006_coverage')
  await Promise.all([database.close(), reader.end(), writer.end(), observer.end()])
})

test('a client that had all scopes has all after an upgrade, and no other has more', async () => {
  const url = await postgres.createDatabase('upgrade_clients')
  await fillOldTables(url, { accessDigest: randomBytes(24), refreshDigest: randomBytes(24) })

  const database = await open(url)
  const listed = await createClientStore(database).listClients({ after: undefined, limit: 10 })

  expect(listed.map(({ id, scopes }) => [id, scopes])).toEqual([
    ['admin', serviceScopes],
    ['login', ['create_token', 'manage_token']],
  ])
  await database.close()
})

const wholeLog = { scope: undefined, sessionId: undefined, reason: undefined, before: undefined, limit: 10 }
