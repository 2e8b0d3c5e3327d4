import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { findPort, startPostgres } from '../../scripts/lib/postgres.ts'
import { describeFault } from '../../src/commands/fault.ts'
import { readConfig } from '../../src/config.ts'
import { startService } from '../../src/service.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { guardOpening } from '../../src/storage/engine/opening-errors.ts'
import { isPgbouncerMissing, startPooler } from '../support/pgbouncer.ts'
import { missingTools, startStandby } from '../support/postgres-tools.ts'

const migrated = inject('migratedDatabase')
const { serverUrl, template } = migrated.kind === 'postgres' ? migrated : expect.unreachable()

let administrator: pg.Client
const names: string[] = []
/** A role that may log in, and nothing else. */
const role = `role_${randomUUID().replaceAll('-', '')}`
beforeAll(async () => {
  administrator = new pg.Client({ connectionString: serverUrl })
  await administrator.connect()
  await administrator.query(`create role ${role} login`)
})
afterAll(async () => {
  for (const name of names) await administrator.query(`drop database ${name} with (force)`)
  await administrator.query(`drop role ${role}`)
  await administrator.end()
})

const urlOf = (name: string, change: Partial<URL> = {}) =>
  Object.assign(new URL(serverUrl), { pathname: `/${name}`, ...change }).href

async function createDatabase(options = ''): Promise<string> {
  const name = `opening_${randomUUID().replaceAll('-', '')}`
  names.push(name)
  await administrator.query(`create database ${name} ${options}`)
  return name
}

async function run(name: string, statements: string): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(name) })
  await client.connect()
  await client.query(statements).finally(() => client.end())
}

async function open(url: string, directUrl = url): Promise<void> {
  const database = await openDatabase({ kind: 'postgres', url, directUrl })
  await database.close()
}

/** What the operator reads, which must be one sentence and no stack. */
async function refusalOf(opening: Promise<unknown>): Promise<string> {
  const refusal: unknown = await opening.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  )
  const { code, message } = describeFault(refusal)
  expect(code).toBe('ERR_CONFIGURATION')
  expect(message).not.toContain('\n')
  return message
}

describe('a database that holds something else is refused, with the reason', () => {
  test.each([
    ['a table', 'create table clients (id text)', '42P07: relation "clients" already exists'],
    [
      'a view',
      'create view token_pair_states as select 1 as one',
      '42P07: relation "token_pair_states" already exists',
    ],
    ['a sequence', 'create sequence revision', '42P07: relation "revision" already exists'],
    ['a type', `create type revocation_selector as enum ('x')`, '42710: type "revocation_selector" already exists'],
    [
      'an index',
      'create table t (a int); create index revocations_half on t (a)',
      '42P07: relation "revocations_half"',
    ],
    [
      'a function',
      `create function lock_scope(realm text, username text) returns void language sql as ''`,
      '42723: function "lock_scope" already exists with same argument types',
    ],
    [
      'a table that is there under a path of the role',
      'create table public.revocations (id text); create schema postgres',
      '42P07: relation "revocations" already exists',
    ],
  ])('%s of the same name', async (_, statements, words) => {
    const name = await createDatabase()
    await run(name, statements)

    expect(await refusalOf(open(urlOf(name)))).toContain(
      `The tables of this service need a PostgreSQL database of their own, and this one holds others: create a database, and set DATABASE_URL to it. (${words}`,
    )
  })

  test('the migrations of another application that uses drizzle', async () => {
    const name = await createDatabase()
    await run(
      name,
      `create schema drizzle; create table drizzle.__drizzle_migrations (id serial, hash text, created_at bigint);
      insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 1800000000000)`,
    )

    expect(await refusalOf(open(urlOf(name)))).toMatch(
      /^The migrations recorded in .* are those of another application: /,
    )
  })

  test('our own record, whose tables were moved to another schema', async () => {
    const name = await createDatabase(`template ${template}`)
    await run(name, 'create schema app; alter table clients set schema app')

    expect(await refusalOf(open(urlOf(name)))).toMatch(/recorded .* as applied, but the schema public has no clients: /)
  })
})

test('a newer record of another application does not hide ours', async () => {
  const name = await createDatabase(`template ${template}`)
  // As before the newest of our migrations that only adds a function or a column would be applied.
  await run(
    name,
    `delete from drizzle.__drizzle_migrations where created_at = (select max(created_at) from drizzle.__drizzle_migrations);
    insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 9999999999999)`,
  )

  // What is missing in the record is applied. Here its tables are there already, so that fails.
  expect(await refusalOf(open(urlOf(name)))).toContain('(42P07: relation "failed_authentications" already exists)')
})

describe('a role that lacks a right is refused, with the right', () => {
  test.each([
    ['to create schemas', '', '42501: permission denied for database'],
    ['to create tables in public', 'grant create on database DB to ROLE', '42501: permission denied for schema public'],
    [
      'to use the schema public',
      'grant create on database DB to ROLE; revoke all on schema public from public',
      '42501: permission denied for schema public',
    ],
  ])('%s', async (_, statements, words) => {
    const name = await createDatabase()
    await run(name, statements.replaceAll('DB', name).replaceAll('ROLE', role))

    expect(await refusalOf(open(urlOf(name, { username: role })))).toContain(`functions there. (${words}`)
  })

  test('to write to a table, also at the last step before the service is ready', async () => {
    const name = await createDatabase(`template ${template}`)
    await run(
      name,
      `grant usage on schema drizzle to ${role}; grant select on all tables in schema drizzle, public to ${role};
      grant all on database_identity, revocations, forgotten_revocations to ${role}`,
    )
    const config = readConfig({ DATABASE_URL: urlOf(name, { username: role }), PORT: '0' })

    expect(await refusalOf(startService(config))).toContain('(42501: permission denied for table clients)')
  })

  test('but not the right to create anything, if the tables are up to date', async () => {
    const name = await createDatabase(`template ${template}`)
    await run(
      name,
      `grant usage on schema drizzle to ${role}; grant select on all tables in schema drizzle to ${role};
      grant all on all tables in schema public to ${role}; grant all on sequence revision to ${role}`,
    )

    await open(urlOf(name, { username: role }))
  })
})

describe('a database that takes no writes is refused', () => {
  test.each(['database', 'role'])('by a setting of the %s', async (level) => {
    const name = await createDatabase()
    const target = level === 'database' ? `database ${name}` : `role postgres in database ${name}`
    await administrator.query(`alter ${target} set default_transaction_read_only = on`)

    const message = await refusalOf(open(urlOf(name)))

    expect(message).toMatch(/^The database \w+ is set to read only for this role: /)
    const [, statement = ''] = /run `(.+)`/.exec(message) ?? []
    // Our own statement must be allowed to write.
    await administrator.query(statement)
    await open(urlOf(name))
  })

  test.skipIf(missingTools.length > 0 /* they come with the server */)('because the server is a standby', async () => {
    const primary = await startPostgres()
    const standby = await startStandby(primary, await findPort())

    const message = await refusalOf(open(standby.url))
    await standby.stop()
    await primary.stop()

    expect(message).toBe('The server is a standby, which takes no writes: set DATABASE_URL to the primary server.')
  })
})

test('a database without the schema public is refused', async () => {
  const name = await createDatabase()
  await run(name, 'drop schema public')

  expect(await refusalOf(open(urlOf(name)))).toMatch(
    /^The tables of this service go into the schema public: .*\(3F000: /,
  )
})

test.each(['myapp', '', 'missing', '"$user", myapp, public'])(
  'the search_path `%s` makes no difference',
  async (path) => {
    const name = await createDatabase()
    await run(name, `create schema myapp; alter database ${name} set search_path = ${path || "''"}`)

    await open(urlOf(name))

    const { rows } = await query(name, `select distinct schemaname from pg_tables where tablename = 'clients'`)
    expect(rows).toEqual([{ schemaname: 'public' }])
  },
)

async function query(name: string, statement: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: urlOf(name) })
  await client.connect()
  return client.query(statement).finally(() => client.end())
}

describe('a database in another encoding than UTF8 is refused', () => {
  const encodings = [
    'LATIN1',
    'LATIN9',
    'SQL_ASCII',
    'WIN1252',
    'WIN1251',
    'ISO_8859_5',
    'KOI8R',
    'EUC_JP',
    'EUC_KR',
    'EUC_CN',
  ]
  test.each(encodings)('%s', async (encoding) => {
    const name = await createDatabase(`encoding '${encoding}' locale 'C' template template0`)

    const message = await refusalOf(open(urlOf(name)))

    expect(message).toMatch(
      new RegExp(`^The database ${name} has the encoding ${encoding}, and this service needs UTF8: `),
    )
    expect((await query(name, `select from pg_tables where tablename = 'clients'`)).rowCount).toBe(0)
  })

  test('MULE_INTERNAL, from which the server itself refuses to convert', async () => {
    const name = await createDatabase(`encoding 'MULE_INTERNAL' locale 'C' template template0`)

    expect(await refusalOf(open(urlOf(name)))).toMatch(/and this service needs UTF8: .* \(0A000: conversion between /)
  })
})

describe.skipIf(isPgbouncerMissing)('behind pgbouncer in transaction mode', () => {
  test('the same refusals come before the service is ready', async () => {
    const pooler = await startPooler(serverUrl)
    const [latin, other, fine] = [
      await createDatabase(`encoding 'LATIN1' locale 'C' template template0`),
      await createDatabase(),
      await createDatabase(),
    ]
    await run(other, 'create table clients (id text)')
    const openPooled = (name: string) => open(pooler.urlOf(urlOf(name)), urlOf(name))

    const refusals = [await refusalOf(openPooled(latin)), await refusalOf(openPooled(other))]
    const withoutDirect = await refusalOf(open(pooler.urlOf(urlOf(fine))))
    await openPooled(fine)
    await pooler.stop()

    expect(refusals[0]).toContain('has the encoding LATIN1, and this service needs UTF8: ')
    expect(refusals[1]).toContain('(42P07: relation "clients" already exists')
    expect(withoutDirect).toMatch(/^A pooler in transaction mode needs two settings: .* \(08P01: /)
  })
})

test('the words of a server are repeated without passwords and tokens', async () => {
  const location = {
    kind: 'postgres',
    url: 'postgres://a:p%40ssword@h/d',
    directUrl: 'postgres://a:other-one@h/d',
  } as const
  const words = `role "p@ssword" (p%40ssword, other-one) sent ita_${'A'.repeat(56)}\nand ita_${'B'.repeat(20)}`
  const failing = () => Promise.reject(Object.assign(new Error(words), { code: '42601' }))

  const message = await refusalOf(guardOpening(location, failing))

  expect(message).toMatch(/\(42601: role "\[password\]" \(\[password\], \[password\]\) sent \[token\] and \[token\]\)$/)
})
