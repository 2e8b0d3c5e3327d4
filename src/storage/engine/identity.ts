import { eq, type SQL, sql } from 'drizzle-orm'
import type { EmitEvent } from '../../events/events.ts'
import { TokenServiceError } from '../../tokens/errors.ts'
import { databaseIdentity } from '../schema.ts'
import type { Database, Db, IdentityWatch } from './database.ts'
import { guardStorage } from './errors.ts'

/**
 * Where a database is: which PostgreSQL cluster, which database in it, and on which timeline the cluster writes now.
 */
interface Place {
  readonly systemIdentifier: string
  readonly databaseOid: number
  readonly timeline: number
}

/** The identity row as it is stored. */
interface IdentityRow extends Place {
  /** The transaction that wrote the row, by its own column: 64 bits. */
  readonly writtenBy: string
  /** The transaction that wrote the row, by PostgreSQL's record (`xmin`): the low 32 bits. */
  readonly xmin: string
}

export interface IdentityFacts {
  readonly place: Place
  /** Undefined before the first opening. */
  readonly row: IdentityRow | undefined
}

export type Identity =
  | { readonly kind: 'unwritten' | 'same' }
  | { readonly kind: 'timeline-changed'; readonly from: number; readonly to: number }
  /** `noticed` is the end of a sentence about the database: "it was …". */
  | { readonly kind: 'restored'; readonly noticed: string }

/**
 * Whether a database is the one that its identity row was written in.
 *
 * A dump holds the row's columns but not its `xmin`, which PostgreSQL sets itself: a restore of a dump, into any
 * database, writes the row in another transaction than the one that its column names. A copy of the files (`create
 * database … template`, a base backup that becomes a cluster of its own by `pg_upgrade`) keeps `xmin`, and is shown by
 * another database oid or another system identifier.
 *
 * What changes none of these cannot be noticed: files set back to an earlier state (a snapshot of the disk, an embedded
 * folder), and a dump from before the row was written. A restore to a point in time looks like a failover: both change
 * the timeline and nothing else. Every failover must not stop the service, so the timeline is only reported.
 *
 * What PostgreSQL does to `xmin` (tried on 15 and 18): VACUUM FREEZE, VACUUM FULL, CLUSTER, REINDEX, row locks, adding
 * a column with a constant default, and a restart keep it; since 9.4 a frozen row keeps the number and has a flag with
 * it. An operation that rewrites the rows of a table changes it, and is taken for a restore: ALTER TABLE with a new
 * column type, SET LOGGED, and tools like pg_repack. So a migration that rewrites this table must update the row as
 * well. The row must not be written within a savepoint: that has a transaction number of its own.
 *
 * `pg_upgrade` makes a new system identifier, and logical replication writes all rows anew: these are planned moves,
 * and need `restored --nothing-lost`.
 */
export function judgeIdentity({ place, row }: IdentityFacts): Identity {
  if (row === undefined) return { kind: 'unwritten' }
  if (row.systemIdentifier !== place.systemIdentifier)
    return { kind: 'restored', noticed: 'last used on another PostgreSQL server' }
  if (row.databaseOid !== place.databaseOid)
    return { kind: 'restored', noticed: 'last used as another database of this PostgreSQL server' }
  if (BigInt.asUintN(32, BigInt(row.writtenBy)) !== BigInt(row.xmin))
    return { kind: 'restored', noticed: 'written by a restore and not by this service' }
  if (row.timeline !== place.timeline) return { kind: 'timeline-changed', from: row.timeline, to: place.timeline }
  return { kind: 'same' }
}

const systemIdentifier = sql<string>`(select system_identifier::text from pg_control_system())`
const databaseOid = sql<number>`(select oid::bigint from pg_database where datname = current_database())`
/**
 * The first 8 hexadecimal digits of a WAL file's name. `pg_control_checkpoint()` still answers the old timeline after a
 * promotion, until the next checkpoint.
 */
const timeline = sql<number>`('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint`

/**
 * The epoch, as an SQL expression: `<system identifier>-<timeline>-<beginning in ms>`. It names one history of the
 * database: within it, transactions and revisions are never numbered twice. (On a standby it fails.)
 */
export const currentEpoch: SQL<string> = sql<string>`concat_ws('-', ${systemIdentifier}, ${timeline}, coalesce(
  (select floor(extract(epoch from epoch_began_at) * 1000)::bigint from database_identity), 0))`

async function readIdentity(db: Db): Promise<IdentityFacts> {
  const row = databaseIdentity
  const [found] = await db
    .select({
      systemIdentifier,
      databaseOid: databaseOid.mapWith(Number),
      timeline: timeline.mapWith(Number),
      row: {
        systemIdentifier: row.systemIdentifier,
        databaseOid: row.databaseOid,
        timeline: row.timeline,
        writtenBy: row.writtenBy,
        xmin: sql<string>`${row}.xmin::text`,
      },
    })
    .from(sql`(select) as one`)
    .leftJoin(row, sql`true`)
  if (found === undefined) throw new Error('The database returned no row about itself')
  const { row: written, ...place } = found
  return { place, row: written ?? undefined }
}

/**
 * Writes the identity row for the database as it is now. Without `newEpoch` only if there is none: of processes that
 * open a new database at the same time, one writes it.
 */
export async function writeIdentity(
  db: Pick<Db, 'insert'>,
  { newEpoch }: { readonly newEpoch: boolean },
): Promise<void> {
  const place = { systemIdentifier, databaseOid, timeline }
  const insert = db.insert(databaseIdentity).values(place)
  if (!newEpoch) return void (await insert.onConflictDoNothing())
  // Later than the epoch before, also after the clock was set back.
  const epochBeganAt = sql`greatest(clock_timestamp(), ${databaseIdentity.epochBeganAt} + interval '1 ms')`
  const target = databaseIdentity.isOnly
  await insert.onConflictDoUpdate({ target, set: { ...place, epochBeganAt, writtenBy: thisTransaction } })
}

const thisTransaction = sql`pg_current_xact_id()`

export function watchIdentity(db: Db, { allowRestored = false, emit }: WatchOptions): IdentityWatch {
  let noticed: string | undefined
  return { check, noticed: () => noticed, refusal }

  async function check(): Promise<void> {
    const before = noticed
    const identity = judgeIdentity(await readIdentity(db))
    noticed = identity.kind === 'restored' ? identity.noticed : undefined
    if (identity.kind === 'unwritten') await writeIdentity(db, { newEpoch: false })
    if (identity.kind === 'timeline-changed') await adoptTimeline(identity)
    if (noticed !== undefined && before === undefined) emit({ name: 'database_restored', facts: { noticed } })
  }

  /** Of several processes, the one whose update finds the old timeline reports it. */
  async function adoptTimeline({ from, to }: { readonly from: number; readonly to: number }): Promise<void> {
    const adopted = await db
      .update(databaseIdentity)
      .set({ timeline: to, writtenBy: thisTransaction })
      .where(eq(databaseIdentity.timeline, from))
      .returning({ timeline: databaseIdentity.timeline })
    if (adopted.length > 0) emit({ name: 'database_timeline_changed', facts: { from, to } })
  }

  function refusal(): TokenServiceError | undefined {
    if (noticed === undefined || allowRestored) return undefined
    return new TokenServiceError(
      'ERR_STORAGE_UNAVAILABLE',
      'The database was restored from a backup, and its operator has not said yet which tokens are to end; try again later.',
    )
  }
}

interface WatchOptions {
  readonly allowRestored?: boolean | undefined
  readonly emit: EmitEvent
}

/**
 * The first check, when the database is opened.
 *
 * @throws TokenServiceError ERR_DATABASE_RESTORED
 */
export async function openIdentity(db: Db, options: WatchOptions): Promise<IdentityWatch> {
  const identity = watchIdentity(db, options)
  await identity.check()
  const noticed = identity.noticed()
  if (noticed === undefined || options.allowRestored) return identity
  throw new TokenServiceError(
    'ERR_DATABASE_RESTORED',
    `The database was restored from a backup or copied: it was ${noticed}. Tokens that ended since the backup may be valid again, so it is not served. ${howToComplete}`,
  )
}

/** For operators: how to complete a restore. */
const howToComplete =
  'Run `invalidate-token restored`, which ends all tokens; or with --nothing-lost, which ends none, if nothing was written since the backup or the copy.'

/** `guardStorage` for the operations on one database: all of them are refused while the database is. */
export function guardOf({ identity }: Pick<Database, 'identity'>): typeof guardStorage {
  return (run) => {
    const refusal = identity.refusal()
    return refusal === undefined ? guardStorage(run) : Promise.reject(refusal)
  }
}
