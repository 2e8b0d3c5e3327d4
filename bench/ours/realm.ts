import type pg from 'pg'
import type { Contender } from '../contender.ts'
import { lazy } from '../context.ts'
import { median } from '../rounds.ts'
import type { TokenDatabase, TokenDatabases } from './databases.ts'
import { createStatementWriter, invalidateRealm, runStatements } from './inside.ts'
import { realm } from './seed.ts'

export interface RealmContenders {
  /** Ends one token in the same way as `sweep` ends a realm: directly on one connection. */
  readonly single: Contender
  readonly sweep: Contender
  /** The same, after 1,000 tokens of the realm were ended one by one. */
  readonly sweepAfterSingles: Contender
  /** The usual way: an UPDATE of every row. */
  readonly flagging: Contender
}

/** Ends all pairs of a realm in each round. Each round begins with an empty log. */
export function createRealmContenders(databases: TokenDatabases, pairs: number): RealmContenders {
  const size = pairs.toLocaleString('en')
  const opened = lazy(() => databases.create(`realm_${pairs}`, pairs))
  const contender = (name: string, run: (database: TokenDatabase) => ReturnType<Contender['run']>): Contender => ({
    name,
    prepare: opened,
    run: async () => {
      const database = await opened()
      await database.client.query('truncate revocations')
      return run(database)
    },
  })
  return {
    single: contender(`one token of ${size} pairs`, async (database) => ({
      effectMs: median(await endSingly(database, 50)) ?? Number.NaN,
    })),
    sweep: contender(`realm of ${size} pairs`, (database) => sweep(database, 0)),
    sweepAfterSingles: contender(`realm of ${size} pairs after 1,000 single ones`, async (database) => {
      await endSingly(database, 1000)
      return sweep(database, 1000)
    }),
    flagging: contender(`flags of ${size} pairs`, flagEach),
  }
}

/** Ends `count` access tokens one after another, and returns how long each took. */
async function endSingly({ ownClient, accessTokens }: TokenDatabase, count: number): Promise<readonly number[]> {
  const writer = createStatementWriter()
  const tookMs: number[] = []
  for (const token of accessTokens.slice(0, count)) {
    const statements = await writer.invalidate(token)
    const startedAt = performance.now()
    await runStatements(ownClient, statements)
    tookMs.push(performance.now() - startedAt)
  }
  return tookMs
}

/** `ended` access tokens were ended one by one before; the refresh tokens of their pairs are still active. */
async function sweep({ client, ownClient, pairs }: TokenDatabase, ended: number) {
  const { effectMs, countsMs, invalidated, previouslyInvalidated } = await invalidateRealm(ownClient, client, realm)
  if (invalidated !== 2 * pairs - ended || previouslyInvalidated !== ended)
    throw new Error(`Of ${pairs} pairs with ${ended} ended, ${invalidated} and ${previouslyInvalidated} were counted`)
  return { effectMs, countsMs }
}

/** Flags every row of a copy of the table, with the same columns and indexes, and a flag that is in no index. */
async function flagEach({ client, pairs }: TokenDatabase) {
  await copyTable(client)
  const startedAt = performance.now()
  const { rowCount } = await client.query('update flagged set is_ended = true where realm = $1 and not is_ended', [
    realm,
  ])
  const effectMs = performance.now() - startedAt
  await client.query('drop table flagged')
  if (rowCount !== pairs) throw new Error(`Expected ${pairs} rows to be flagged, got ${rowCount}`)
  return { effectMs }
}

async function copyTable(client: pg.Client): Promise<void> {
  await client.query('create table flagged (like token_pairs including all, is_ended boolean not null default false)')
  const { rows } = await client.query<{ columns: string }>(
    `select string_agg(attname, ', ' order by attnum) as columns from pg_attribute
    where attrelid = 'token_pairs'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
  )
  const columns = rows[0]?.columns
  await client.query(`insert into flagged (${columns}) select ${columns} from token_pairs order by id`)
  await client.query('vacuum (freeze, analyze) flagged')
}
