import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import type { Database } from '../../src/storage/engine/database.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { adminScopes, digestClientSecret } from '../../src/tokens/clients.ts'
import { createTokens, type Tokens } from '../../src/tokens/tokens.ts'
import { admin, adminSecret } from '../support/service.ts'

const migrated = inject('migratedDatabase')
const { serverUrl, template } = migrated.kind === 'postgres' ? migrated : expect.unreachable()

const name = `given_up_${process.pid}_${Date.now()}`
const url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href
const owner = { realm: 'staff', username: 'alice' }
let administrator: pg.Client
/** Holds the locks. */
let other: pg.Client
let database: Database
let tokens: Tokens
beforeAll(async () => {
  administrator = await connect(serverUrl)
  await administrator.query(`create database ${name} template ${template}`)
  other = await connect(url)
  // The server ends a statement after 1 s.
  database = await openDatabase({ kind: 'postgres', url, directUrl: url }, { statementTimeoutMs: 1_500 })
  tokens = tokensOn(database)
})
beforeEach(async () => {
  await other.query('truncate token_pairs, spent_refresh_tokens, revocations, clients')
  await createClientStore(database).putClient({
    id: 'admin',
    secretDigest: digestClientSecret(adminSecret),
    scopes: adminScopes,
  })
})
afterAll(async () => {
  await database.close()
  await other.end()
  await administrator.query(`drop database ${name} with (force)`)
  await administrator.end()
})

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  return client
}

function tokensOn(opened: Database): Tokens {
  return createTokens({
    store: createTokenStore(opened),
    log: createRevocationLog(opened),
    clients: createClientStore(opened),
    lifetimes: { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 0 },
    clock: () => new Date(),
  })
}

/** Runs a verb while a table is locked, for longer than the verb is waited for. Answers what the verb threw. */
async function whileLocked(table: string, run: () => Promise<unknown>): Promise<unknown> {
  await other.query(`begin; lock table ${table} in access exclusive mode`)
  const outcome = await run().then(
    () => 'was answered',
    (error: unknown) => error,
  )
  await other.query('commit')
  await expect.poll(countRunning).toBe(0)
  return outcome
}

/** How many statements of the service run or wait on the server. */
async function countRunning(): Promise<number> {
  // Not by `other`: within its transaction it would see the same state again and again.
  const { rows } = await administrator.query(
    "select from pg_stat_activity where datname = $1 and application_name = 'invalidate-token' and state = 'active'",
    [name],
  )
  return rows.length
}

async function countRows(table: string): Promise<number> {
  const { rows } = await other.query(`select from ${table}`)
  return rows.length
}

const givenUp = { code: 'ERR_STORAGE_UNAVAILABLE' }

test('a refresh that was given up commits nothing, and its repetition is the first: the session goes on', async () => {
  const { refresh } = await tokens.issue({ owner }, admin)
  const refreshToken = refresh?.token ?? ''

  expect(await whileLocked('spent_refresh_tokens', () => tokens.refresh(refreshToken))).toMatchObject(givenUp)

  // There is no grace period here, so a repetition after a commit would be a reuse.
  expect(await tokens.refresh(refreshToken)).toMatchObject({ outcome: 'refreshed' })
  expect([await countRows('spent_refresh_tokens'), await countRows('revocations')]).toEqual([1, 0])
})

describe('a statement that was given up commits nothing:', () => {
  test.for<readonly [name: string, table: string, run: (token: string) => Promise<unknown>]>([
    ['a login', 'token_pairs', () => tokens.issue({ owner }, admin)],
    ['a token', 'revocations', (token) => tokens.invalidate({ kind: 'access-token', token }, admin)],
    [
      'a sweep',
      'revocations',
      () => tokens.invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...owner } }, admin),
    ],
    ['everything', 'revocations', () => tokens.invalidate({ kind: 'everything' }, admin)],
    ['a new client', 'clients', () => tokens.createClient({ id: 'new', scopes: [] }, admin)],
  ])('%s', async ([, table, run]) => {
    const { accessToken } = await tokens.issue({ owner }, admin)
    const before = await countRows(table)

    expect(await whileLocked(table, () => run(accessToken))).toMatchObject(givenUp)

    expect(await countRows(table)).toBe(before)
  })
})

test('the grace period begins when the refresh commits, and not when it was asked for', async () => {
  const patient = await openDatabase({ kind: 'postgres', url, directUrl: url }, { statementTimeoutMs: 60_000 })
  const { refresh } = await tokens.issue({ owner }, admin)
  await other.query('begin; lock table spent_refresh_tokens in access exclusive mode')
  const askedAt = Date.now()
  const refreshing = tokensOn(patient).refresh(refresh?.token ?? '')
  await expect.poll(countRunning).toBe(1)
  await other.query('select pg_sleep(2.2)')
  await other.query('commit')
  await refreshing
  await patient.close()

  const { rows } = await other.query('select spent_at from spent_refresh_tokens')

  expect(rows[0].spent_at.getTime() - askedAt).toBeGreaterThanOrEqual(2_000)
})
