import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { Database } from '../../src/storage/engine/database.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { isPgbouncerMissing, type Pooler, startPooler } from '../support/pgbouncer.ts'
import { liveThrough } from '../support/whole-life.ts'

const migrated = inject('migratedDatabase')
const { serverUrl, template } = migrated.kind === 'postgres' ? migrated : expect.unreachable()

/** What decides how a value looks as text, or how a text is read. */
const ofText = [
  "datestyle = 'ISO, MDY'",
  "datestyle = 'ISO, DMY'",
  "datestyle = 'ISO, YMD'",
  "datestyle = 'German'",
  "datestyle = 'SQL, MDY'",
  "datestyle = 'SQL, DMY'",
  "datestyle = 'Postgres, MDY'",
  "datestyle = 'Postgres, DMY'",
  "intervalstyle = 'sql_standard'",
  "intervalstyle = 'postgres_verbose'",
  "intervalstyle = 'iso_8601'",
  "timezone = 'Europe/Paris'",
  "timezone = 'America/St_Johns'",
  "timezone = 'Asia/Kathmandu'",
  'extra_float_digits = -15',
  'extra_float_digits = 3',
  "bytea_output = 'escape'",
  'standard_conforming_strings = off',
  'backslash_quote = on',
  'transform_null_equals = on',
  'quote_all_identifiers = on',
  "xmlbinary = 'hex'",
  "client_encoding = 'LATIN1'",
  "client_encoding = 'SQL_ASCII'",
  // The servers that the tests run on have no other locales than these.
  "lc_messages = 'POSIX'",
  "lc_numeric = 'C.UTF-8'",
  "lc_monetary = 'C.UTF-8'",
  "lc_time = 'C.UTF-8'",
]

/** What decides how a statement is planned and run, and may not change its answer. */
const ofExecution = [
  'enable_indexscan = off',
  'enable_indexonlyscan = off',
  'enable_nestloop = off',
  "plan_cache_mode = 'force_custom_plan'",
  'jit_above_cost = 0',
  'from_collapse_limit = 1',
  'join_collapse_limit = 1',
  'geqo_threshold = 2',
  'row_security = off',
  'check_function_bodies = off',
  'synchronous_commit = off',
  'default_transaction_deferrable = on',
  "lock_timeout = '1s'",
  "statement_timeout = '10s'",
  "idle_session_timeout = '50ms'",
  "idle_in_transaction_session_timeout = '50ms'",
]

/** What changes the meaning of a statement. A pooler decides it, so there it is refused. */
const ofMeaning = [
  "search_path = ''",
  "search_path = 'myapp'",
  "search_path = 'missing'",
  "search_path = 'others', 'public'",
  "default_transaction_isolation = 'repeatable read'",
  "default_transaction_isolation = 'serializable'",
  'array_nulls = off',
]

/** What decides whether an answer can be trusted. On direct connections we set it, a pooler decides it. */
const ofTrust = [
  'synchronous_commit = off',
  'synchronous_commit = local',
  'statement_timeout = 0',
  "statement_timeout = '16s'",
]

/** One database, emptied for each setting: to make one for each takes longer than all that is tested on it. */
const name = `settings_${randomUUID().replaceAll('-', '')}`
const directUrl = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href
let administrator: pg.Client
let expected: unknown
beforeAll(async () => {
  administrator = new pg.Client({ connectionString: serverUrl })
  await administrator.connect()
  await administrator.query(`create database ${name} template ${template}`)
  // Those of other applications.
  await onDatabase('create schema myapp; create schema others; create table others.clients (name text)')
  expected = await lifeOn(directUrl)
})
beforeEach(async () => {
  await administrator.query(`alter database ${name} reset all`)
  await administrator.query(`alter role postgres in database ${name} reset all`)
  await reconnect()
  await onDatabase(`truncate token_pairs, spent_refresh_tokens, revocations, forgotten_revocations, clients,
    database_identity; select setval('revision', 1, false)`)
})
afterAll(async () => {
  await administrator.query(`drop database ${name} with (force)`)
  await administrator.end()
})

/** Ends the connections that a pooler keeps: settings are those of the time at which a connection began. */
async function reconnect(): Promise<void> {
  await administrator.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
}

async function onDatabase(statements: string): Promise<void> {
  const client = new pg.Client({ connectionString: directUrl })
  await client.connect()
  await client.query(statements).finally(() => client.end())
}

async function synchronousCommitOf({ db }: Pick<Database, 'db'>): Promise<unknown> {
  const [session] = await db.select({ value: sql`current_setting('synchronous_commit')` }).from(sql`(select) one`)
  return session?.value
}

async function lifeOn(url: string, direct = url): Promise<unknown> {
  const database = await openDatabase({ kind: 'postgres', url, directUrl: direct })
  return liveThrough(database).finally(database.close)
}

describe('on direct connections the whole life of a token is as under the default settings', () => {
  test.each([...ofText, ...ofExecution, ...ofMeaning, ...ofTrust])('with %s of the database', async (setting) => {
    await administrator.query(`alter database ${name} set ${setting}`)

    expect(await lifeOn(directUrl)).toEqual(expected)
  })

  test.each(["datestyle = 'German'", "search_path = 'myapp'"])('with %s of the role', async (setting) => {
    await administrator.query(`alter role postgres in database ${name} set ${setting}`)

    expect(await lifeOn(directUrl)).toEqual(expected)
  })

  test.each([
    ['off', 'on'],
    ['local', 'on'],
    ['on', 'on'],
    ['remote_write', 'remote_write'],
    ['remote_apply', 'remote_apply'],
  ])('a commit under synchronous_commit = %s is made under %s', async (given, used) => {
    await administrator.query(`alter role postgres in database ${name} set synchronous_commit = ${given}`)
    const database = await openDatabase({ kind: 'postgres', url: directUrl, directUrl })

    const setting = await synchronousCommitOf(database).finally(database.close)

    expect(setting).toBe(used)
  })

  test('a commit is durable also where the role is changed while the service runs', async () => {
    const database = await openDatabase({ kind: 'postgres', url: directUrl, directUrl })
    await administrator.query(`alter role postgres in database ${name} set synchronous_commit = off`)
    await reconnect()

    await expect.poll(() => synchronousCommitOf(database).catch(() => undefined)).toBe('on')

    await database.close()
  })

  test('with options of the url, of which those that the service does not need otherwise stay', async () => {
    const url = new URL(directUrl)
    url.searchParams.set('options', '-c datestyle=German -c search_path=myapp -c work_mem=8MB')

    const database = await openDatabase({ kind: 'postgres', url: url.href, directUrl: url.href })
    const [session] = await database.db
      .select({ memory: sql`current_setting('work_mem')` })
      .from(sql`(select) one`)
      .finally(database.close)

    expect(session).toEqual({ memory: '8MB' })
    expect(await lifeOn(url.href)).toEqual(expected)
  })
})

describe.skipIf(isPgbouncerMissing)('behind pgbouncer in transaction mode', () => {
  let pooler: Pooler
  let pooledUrl: string
  beforeAll(async () => {
    pooler = await startPooler(serverUrl, { limitsStatements: false })
    pooledUrl = pooler.urlOf(directUrl)
  })
  beforeEach(async () => {
    await administrator.query(`alter role postgres in database ${name} set statement_timeout = '10s'`)
    await reconnect()
  })
  afterAll(() => pooler.stop())

  test.each(ofText)('the whole life of a token is as by default with %s', async (setting) => {
    await administrator.query(`alter database ${name} set ${setting}`)

    expect(await lifeOn(pooledUrl, directUrl)).toEqual(expected)
  })

  test.each([...ofMeaning, ...ofTrust])(
    '%s is refused in one sentence, with the statement that changes it',
    async (setting) => {
      await administrator.query(`alter role postgres in database ${name} set ${setting}`)
      await reconnect()
      const [settingName = ''] = setting.split(' ')

      const refusal: unknown = await lifeOn(pooledUrl, directUrl).catch((error: unknown) => error)

      expect(refusal).toMatchObject({ code: 'ERR_CONFIGURATION' })
      const message = refusal instanceof Error ? refusal.message : ''
      expect(message).toMatch(
        new RegExp(`^On the connections of the pooler in DATABASE_URL the setting ${settingName} is \`[^\n]*$`),
      )
      const [, statement = ''] = /run `(.+)`, and let the pooler connect anew/.exec(message) ?? []
      await administrator.query(statement)
      await reconnect()
      expect(await lifeOn(pooledUrl, directUrl)).toEqual(expected)
    },
  )
})
