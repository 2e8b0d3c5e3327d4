import { type SQL, sql } from 'drizzle-orm'
import { type Cursor, readSnapshot, type Snapshot, writeCursor } from './cursor.ts'
import type { Database } from './engine/database.ts'
import { currentEpoch } from './engine/identity.ts'

/** The log at one moment: its position, and a page of it in the form that the statement gives it. */
export interface LogState<Page> {
  readonly epoch: string
  readonly snapshot: Snapshot
  /** The newest transaction of which retention has deleted a revocation. */
  readonly newestDeleted: bigint | undefined
  readonly page: Page | null
}

export const beginning: Cursor = { epoch: '', seen: undefined, page: undefined }

/**
 * Whether retention may have deleted rows that the cursor has not seen, or the cursor's numbers belong to another
 * history of the database: a backup was restored, another server took over, or its files were set back to an earlier
 * state.
 *
 * It is not enough to check that the cursor has seen the newest transaction whose rows were deleted. An older
 * transaction may have been running then, have ended since, and have lost rows. A transaction that is still running has
 * lost none, however old it is.
 */
export function isLost({ epoch, seen, page }: Cursor, now: LogState<unknown>): boolean {
  const { snapshot, newestDeleted } = now
  const furthest = page?.snapshot ?? seen
  if (epoch !== now.epoch || (furthest !== undefined && furthest.xmax > snapshot.xmax)) return true
  if (seen === undefined || newestDeleted === undefined) return false
  const stillRunning = new Set(snapshot.running)
  return (
    newestDeleted >= seen.xmax || seen.running.some((xid) => BigInt(xid) <= newestDeleted && !stillRunning.has(xid))
  )
}

interface Unseen {
  /** How many rows at most. */
  readonly rows: number
  /** Only rows for which this is true. All by default. */
  readonly matching?: SQL
  /** Which columns, with those of the order: all by default. */
  readonly columns?: SQL
  /** Where the log begins for this reader: only rows with a higher revision. All by default. */
  readonly start?: SQL
}

/**
 * Rows that the cursor has not seen and that are visible in the target snapshot.
 *
 * From the beginning, the log is read in order of revision. From a cursor, it is read in order of transaction, and only
 * those that the cursor's snapshot did not see: those from xmax on, and those that were running then, however old the
 * oldest of them is. Both ways read an index and stop at the limit.
 */
export function unseen({ seen, page }: Cursor, wanted: Unseen): SQL {
  const { rows, matching = sql`true`, columns = sql`*`, start = sql`0` } = wanted
  const isWanted = sql`pg_visible_in_snapshot(xid, (select target from now)) and ${matching}`
  const { xid, revision } = page ?? { xid: '0', revision: 0 }
  if (seen === undefined)
    return sql`select ${columns} from revocations where revision > ${page === undefined ? start : revision} and ${isWanted} order by revision limit ${rows}`
  const isAfter = sql`(xid, revision) > (${xid}::xid8, ${revision}::bigint) and ${isWanted} order by xid, revision limit ${rows}`
  return sql`
    (select ${columns} from revocations where xid >= ${String(seen.xmax)}::xid8 and ${isAfter})
    union all
    (select ${columns} from revocations where xid = any(${`{${seen.running.join()}}`}::xid8[]) and ${isAfter})
    order by xid, revision limit ${rows}`
}

/**
 * Reads the state of the log and a page of it, in one statement. `page` is the answer's expression for it, and may read
 * `rows` as the relation `page`.
 */
export async function readLogState<Page>(
  { db }: Pick<Database, 'db'>,
  {
    rows,
    target,
    page,
  }: { readonly rows: SQL; readonly target: Snapshot | undefined; readonly page: SQL<Page | null> },
): Promise<LogState<Page>> {
  const now = db.$with('now', {}).as(sql`
    select pg_current_snapshot() as snapshot, coalesce(${target?.text ?? null}::pg_snapshot, pg_current_snapshot()) as target`)
  const [found] = await db
    .with(now, db.$with('page', {}).as(rows))
    .select({
      epoch: currentEpoch,
      snapshot: sql<string>`snapshot::text`,
      newestDeleted: sql<string | null>`(select up_to::text from forgotten_revocations)`,
      page,
    })
    .from(sql`now`)
  const snapshot = found && readSnapshot(found.snapshot)
  if (snapshot === undefined) throw new Error('The database returned no readable snapshot with the log')
  const { epoch, newestDeleted } = found ?? { epoch: '', newestDeleted: null }
  return {
    epoch,
    snapshot,
    newestDeleted: newestDeleted === null ? undefined : BigInt(newestDeleted),
    page: found?.page ?? null,
  }
}

/** The last row of a page that has more after it: its transaction and its revision. */
export interface LastRow {
  readonly xid: string
  readonly revision: number
}

/** The cursor after a page: within it while rows are left, and otherwise at the snapshot that the page was read up to. */
export function cursorAfter(
  { seen, page }: Cursor,
  { epoch, snapshot: now }: Pick<LogState<unknown>, 'epoch' | 'snapshot'>,
  { target, last }: { readonly target: Snapshot | undefined; readonly last: LastRow | undefined },
): PageEnd {
  const snapshot = page?.snapshot ?? target ?? now
  const next: Cursor = last
    ? { epoch, seen, page: { snapshot, xid: last.xid, revision: last.revision } }
    : { epoch, seen: snapshot, page: undefined }
  return { cursor: writeCursor(next), hasMore: last !== undefined || page !== undefined }
}

interface PageEnd {
  readonly cursor: string
  readonly hasMore: boolean
}
