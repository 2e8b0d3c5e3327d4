import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { observeNothing } from '../../src/events/observer.ts'
import { type Database, databaseClock } from '../../src/storage/engine/database.ts'
import { migratePostgres } from '../../src/storage/engine/postgres-migration.ts'
import { connectionOptions } from '../../src/storage/engine/session-settings.ts'
import { prepareFind } from '../../src/storage/find.ts'
import { prepareInvalidateHalves } from '../../src/storage/invalidate-half.ts'
import { prepareInvalidateScope } from '../../src/storage/invalidate-scope.ts'
import { deleteExpired } from '../../src/storage/retention.ts'
import * as schema from '../../src/storage/schema.ts'
import type { InvalidationCounts } from '../../src/tokens/coverage.ts'
import { readToken } from '../../src/tokens/token.ts'

/**
 * All that the benchmark calls of the service's internals. When the storage changes, only this file and `seed.ts`,
 * which fills the tables, must follow; everything else goes through HTTP.
 */

/** What drizzle passes to `pg` for one call: the arguments of `client.query` for each statement, in order. */
export type Statements = readonly (readonly unknown[])[]

export interface StatementWriter {
  /** The statements that end this token. */
  invalidate(token: string): Promise<Statements>
  /** The statements that look this token up. */
  find(token: string): Promise<Statements>
}

const by = () => ({ at: new Date(), caller: 'bench' })

/** Creates the tables in an empty database. */
export const migrate = migratePostgres

/** The planner settings of the service's connections. */
export const plannerSettings = connectionOptions('lookups', 15_000)

/** Records the service's own statements without running them, so that they can be run without the service. */
export function createStatementWriter(): StatementWriter {
  let written: (readonly unknown[])[] = []
  const client = intercept(new pg.Client(), async (_, statement) => {
    written.push(statement)
    return { rows: [] }
  })
  const database = databaseOn(client)
  const invalidateHalves = prepareInvalidateHalves(database)
  const find = prepareFind(database)
  const write = async (call: () => Promise<unknown>) => {
    written = []
    await call()
    return written
  }
  return {
    invalidate: (token) => write(() => invalidateHalves([{ reference: referenceOf(token), by: by() }])),
    find: (token) => write(() => find([referenceOf(token)])),
  }
}

/** Runs recorded statements with `pg` alone. */
export async function runStatements(client: pg.Client, statements: Statements): Promise<void> {
  for (const statement of statements) await Reflect.apply(client.query, client, statement)
}

export interface TimedInvalidation extends InvalidationCounts {
  /** Time until the first statement is answered: the revocation is committed then. */
  readonly effectMs: number
  /** Time from there until the counts are known and recorded. */
  readonly countsMs: number
}

/** Ends a whole realm on open connections: `client` has the service's planner settings, `scanner` the default ones. */
export async function invalidateRealm(
  client: pg.Client,
  scanner: pg.Client,
  realm: string,
): Promise<TimedInvalidation> {
  let effectMs: number | undefined
  let startedAt = 0
  const timed = intercept(client, async (run) => {
    const answer = await run()
    effectMs ??= performance.now() - startedAt
    return answer
  })
  const invalidateScope = prepareInvalidateScope(databaseOn(timed, scanner))
  const end = (name: string) => invalidateScope({ kind: 'sweep', scope: { kind: 'realm', realm: name } }, by())
  // The log was just truncated, after which Postgres discards plans. A sweep that ends no session makes it plan again.
  await end(`not ${realm}`)
  effectMs = undefined
  startedAt = performance.now()
  const counts = await end(realm)
  const tookMs = performance.now() - startedAt
  if (effectMs === undefined) throw new Error('invalidateScope ran no statement on the connection it was given')
  return { ...counts, effectMs, countsMs: tookMs - effectMs }
}

/**
 * Deletes expired rows, as the service does each minute, and tries again until the expired pairs are deleted. A try
 * gives up when another transaction reads a slot for longer than 100 ms, as autovacuum does for seconds after a million
 * inserted rows.
 */
export async function emptyExpiredPairs(client: pg.Client): Promise<void> {
  const options = { revocationDays: 30, clock: () => new Date() }
  const until = Date.now() + 120_000
  while (Date.now() < until) if ((await deleteExpired(databaseOn(client), options)).slots.length > 0) return
  throw new Error('The expired pairs could not be deleted in two minutes')
}

function referenceOf(token: string) {
  const reference = readToken(token)
  if (reference === undefined) throw new Error('Expected a token of the service')
  return reference
}

function databaseOn(client: pg.Client, scanner = client): Database {
  const nothing = async () => undefined
  return {
    db: drizzle(client, { schema }),
    scanner: drizzle(scanner, { schema }),
    background: { scanner: drizzle(scanner, { schema }), cancel: () => {} },
    migrations: [],
    description: 'the benchmark’s database',
    statementName: (name) => name,
    clock: databaseClock,
    observer: observeNothing,
    pools: () => [],
    time: { now: () => new Date(), check: async () => true },
    ping: nothing,
    close: nothing,
    emit: () => undefined,
    identity: { check: nothing, noticed: () => undefined, refusal: () => undefined },
    notifications: { notify: () => undefined, listen: () => () => undefined },
  }
}

type OnQuery = (run: () => Promise<unknown>, statement: readonly unknown[]) => Promise<unknown>

/** Changes the client so that each query goes through `onQuery`, and returns it. */
function intercept(client: pg.Client, onQuery: OnQuery): pg.Client {
  const { query } = pg.Client.prototype
  return Object.assign(client, {
    query: (...statement: unknown[]) => onQuery(() => Reflect.apply(query, client, statement), statement),
  })
}
