import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import type { Database } from '../../src/storage/engine/database.ts'
import { keyLookupSettings } from '../../src/storage/engine/planner-settings.ts'
import { migratePostgres } from '../../src/storage/engine/postgres.ts'
import { prepareFind } from '../../src/storage/find.ts'
import { prepareInvalidateHalves } from '../../src/storage/invalidate-half.ts'
import { prepareInvalidateScope } from '../../src/storage/invalidate-scope.ts'
import { emptyExpired } from '../../src/storage/retention.ts'
import * as schema from '../../src/storage/schema.ts'
import type { InvalidationCounts } from '../../src/tokens/coverage.ts'
import { readToken } from '../../src/tokens/token.ts'

/**
 * All that the benchmark calls of the service's inside. With `seed.ts`, which knows the table, the one place to follow
 * when storage changes its shape; everything else goes through HTTP.
 */

/** What drizzle hands to `pg` for one call: the arguments of `client.query`, for each statement in turn. */
export type Statements = readonly (readonly unknown[])[]

export interface StatementWriter {
  /** That ends this token. */
  invalidate(token: string): Promise<Statements>
  /** That looks this token up. */
  find(token: string): Promise<Statements>
}

const by = () => ({ at: new Date(), caller: 'bench' })

/** Makes the tables in an empty database. */
export const migrate = migratePostgres

/** How the service's connections plan. */
export const planning = keyLookupSettings

/** Writes the service's own statements without running them, to run them without the service. */
export function createStatementWriter(): StatementWriter {
  let written: (readonly unknown[])[] = []
  const client = watch(new pg.Client(), async (_, statement) => {
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
    invalidate: (token) => write(() => invalidateHalves([{ reference: presented(token), by: by() }])),
    find: (token) => write(() => find([presented(token)])),
  }
}

/** Runs such statements with `pg` alone. */
export async function runStatements(client: pg.Client, statements: Statements): Promise<void> {
  for (const statement of statements) await Reflect.apply(client.query, client, statement)
}

export interface TimedInvalidation extends InvalidationCounts {
  /** Until the first statement came back: the revocation is committed. */
  readonly effectMs: number
  /** From then on until the counts are known and recorded. */
  readonly countsMs: number
}

/** Ends a whole realm, on connections that are open: one that plans as the service's do, and one that plans freely. */
export async function invalidateRealm(client: pg.Client, walker: pg.Client, realm: string): Promise<TimedInvalidation> {
  let effectMs: number | undefined
  let startedAt = 0
  const watched = watch(client, async (run) => {
    const answer = await run()
    effectMs ??= performance.now() - startedAt
    return answer
  })
  const invalidateScope = prepareInvalidateScope(databaseOn(watched, walker))
  const end = (name: string) => invalidateScope({ kind: 'sweep', scope: { kind: 'realm', realm: name } }, by())
  // The log was emptied just now, for which Postgres forgets plans: one that ends nobody has them made again.
  await end(`not ${realm}`)
  effectMs = undefined
  startedAt = performance.now()
  const counts = await end(realm)
  const tookMs = performance.now() - startedAt
  if (effectMs === undefined) throw new Error('invalidateScope ran no statement on the connection it was given')
  return { ...counts, effectMs, countsMs: tookMs - effectMs }
}

/**
 * Lets go of what is past use, as the service does each minute; tries again until the pairs are gone. It gives way to
 * whoever reads a slot for longer than 100 ms, as autovacuum does for seconds after a million rows have come.
 */
export async function emptyExpiredPairs(client: pg.Client): Promise<void> {
  const options = { revocationDays: 30, clock: () => new Date() }
  const until = Date.now() + 120_000
  while (Date.now() < until) if ((await emptyExpired(databaseOn(client), options)).slots.length > 0) return
  throw new Error('The expired pairs could not be emptied in two minutes')
}

function presented(token: string) {
  const reference = readToken(token)
  if (reference === undefined) throw new Error('Expected a token of our own making')
  return reference
}

function databaseOn(client: pg.Client, walker = client): Database {
  const nothing = async () => undefined
  return {
    db: drizzle(client, { schema }),
    walker: drizzle(walker, { schema }),
    migrations: [],
    description: 'the benchmark’s own',
    statementName: (name) => name,
    ping: nothing,
    close: nothing,
    emit: () => undefined,
    identity: { look: nothing, noticed: () => undefined, refusal: () => undefined },
    notifications: { notify: () => undefined, listen: () => () => undefined },
  }
}

type OnQuery = (run: () => Promise<unknown>, statement: readonly unknown[]) => Promise<unknown>

/** The same client, to be used instead of it: each query goes by way of `onQuery`. */
function watch(client: pg.Client, onQuery: OnQuery): pg.Client {
  const { query } = pg.Client.prototype
  return Object.assign(client, {
    query: (...statement: unknown[]) => onQuery(() => Reflect.apply(query, client, statement), statement),
  })
}
