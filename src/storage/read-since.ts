import { type SQL, sql } from 'drizzle-orm'
import type { LogPage, SinceOptions } from '../tokens/revocation-log.ts'
import { epochMs } from './columns.ts'
import { type Cursor, readCursor, readSnapshot, type Snapshot, writeCursor } from './cursor.ts'
import type { Database } from './engine/database.ts'
import { currentEpoch } from './engine/identity.ts'
import type { revocations } from './schema.ts'

type RevocationRow = typeof revocations.$inferSelect

/** A row of the log as `json_agg` writes it. (It also has `at` as text, whose offset follows the server's time zone.) */
interface JsonRow {
  readonly revision: number
  readonly selector: RevocationRow['selector']
  readonly pair_id: number | null
  readonly session_id: number | null
  readonly realm: string | null
  readonly username: string | null
  readonly bound: number | null
  readonly spared_session_id: number | null
  readonly at_ms: number
  readonly caller: string
  readonly invalidated: number | null
  readonly previously_invalidated: number | null
  readonly reason: string | null
  readonly comment: string | null
  readonly xid: string
  readonly client_id: string | null
  readonly everything: boolean | null
}

/** The log at one moment: its position, and a page of its rows. */
interface LogState {
  readonly epoch: string
  readonly snapshot: Snapshot
  /** The newest transaction of which retention has deleted a revocation. */
  readonly newestDeleted: bigint | undefined
  readonly rows: readonly RevocationRow[]
}

/** A page with its rows as they are stored. */
export interface RowPage extends Omit<LogPage, 'revocations'> {
  readonly rows: readonly RevocationRow[]
}

/** A cursor at the current end of the log. */
export async function readPosition(database: Database): Promise<string> {
  const { epoch, snapshot } = await readLogState(database, sql`select * from revocations where false`, undefined)
  return writeCursor({ epoch, seen: snapshot, page: undefined })
}

/**
 * The next page of rows that the cursor has not seen, ordered by revision, and the cursor after it. One statement reads
 * both the rows and the note of deleted ones, so a row that retention deletes is in the page or in the note.
 *
 * @throws TokenServiceError ERR_BAD_INPUT: not a cursor of this feed
 */
export async function readSince(
  database: Database,
  after: string | undefined,
  { limit, upTo }: SinceOptions,
): Promise<RowPage> {
  const cursor = after === undefined ? beginning : readCursor(after)
  const target = upTo === undefined ? undefined : readCursor(upTo).seen
  const state = await readLogState(database, unseen(cursor, limit + 1), cursor.page?.snapshot ?? target)
  if (after === undefined || !isLost(cursor, state)) return pageOf(cursor, state, { limit, target, hasGap: false })
  const fromBeginning = await readLogState(database, unseen(beginning, limit + 1), target)
  return pageOf(beginning, fromBeginning, { limit, target, hasGap: true })
}

const beginning: Cursor = { epoch: '', seen: undefined, page: undefined }

/**
 * Whether retention may have deleted rows that the cursor has not seen, or the cursor's numbers belong to another
 * history of the database: a backup was restored, another server took over, or its files were set back to an earlier
 * state.
 *
 * It is not enough to check that the cursor has seen the newest transaction whose rows were deleted. An older
 * transaction may have been running then, have ended since, and have lost rows. A transaction that is still running has
 * lost none, however old it is.
 */
function isLost({ epoch, seen, page }: Cursor, now: LogState): boolean {
  const { snapshot, newestDeleted } = now
  const furthest = page?.snapshot ?? seen
  if (epoch !== now.epoch || (furthest !== undefined && furthest.xmax > snapshot.xmax)) return true
  if (seen === undefined || newestDeleted === undefined) return false
  const stillRunning = new Set(snapshot.running)
  return (
    newestDeleted >= seen.xmax || seen.running.some((xid) => BigInt(xid) <= newestDeleted && !stillRunning.has(xid))
  )
}

/**
 * Rows that the cursor has not seen and that are visible in the target snapshot.
 *
 * From the beginning, the log is read in order of revision. From a cursor, it is read in order of transaction, and only
 * those that the cursor's snapshot did not see: those from xmax on, and those that were running then, however old the
 * oldest of them is. Both ways read an index and stop at the limit.
 */
function unseen({ seen, page }: Cursor, rows: number): SQL {
  const isInTarget = sql`pg_visible_in_snapshot(xid, (select target from now))`
  const { xid = '0', revision = 0 } = page ?? {}
  if (seen === undefined)
    return sql`select * from revocations where revision > ${revision} and ${isInTarget} order by revision limit ${rows}`
  const isAfter = sql`(xid, revision) > (${xid}::xid8, ${revision}::bigint) and ${isInTarget} order by xid, revision limit ${rows}`
  return sql`
    (select * from revocations where xid >= ${String(seen.xmax)}::xid8 and ${isAfter})
    union all
    (select * from revocations where xid = any(${`{${seen.running.join()}}`}::xid8[]) and ${isAfter})
    order by xid, revision limit ${rows}`
}

async function readLogState({ db }: Database, rows: SQL, target: Snapshot | undefined): Promise<LogState> {
  const now = db.$with('now', {}).as(sql`
    select pg_current_snapshot() as snapshot, coalesce(${target?.text ?? null}::pg_snapshot, pg_current_snapshot()) as target`)
  const page = db.$with('page', {}).as(rows)
  const [found] = await db
    .with(now, page)
    .select({
      epoch: currentEpoch,
      snapshot: sql<string>`snapshot::text`,
      newestDeleted: sql<string | null>`(select up_to::text from forgotten_revocations)`,
      rows: sql<readonly JsonRow[] | null>`
        (select json_agg(page) from (select *, ${epochMs(sql`at`)} as at_ms from page) page)`,
    })
    .from(sql`now`)
  const snapshot = found && readSnapshot(found.snapshot)
  if (snapshot === undefined) throw new Error('The database returned no readable snapshot with the log')
  const { epoch, newestDeleted } = found ?? { epoch: '', newestDeleted: null }
  const stored = (found?.rows ?? []).map(readRow)
  return { epoch, snapshot, newestDeleted: newestDeleted === null ? undefined : BigInt(newestDeleted), rows: stored }
}

interface PageOptions {
  readonly limit: number
  readonly target: Snapshot | undefined
  readonly hasGap: boolean
}

/** The statement reads one row more than the page holds: it is left out, and only shows that there are more rows. */
function pageOf(
  cursor: Cursor,
  { epoch, snapshot: now, rows }: LogState,
  { limit, target, hasGap }: PageOptions,
): RowPage {
  const { seen, page } = cursor
  const snapshot = page?.snapshot ?? target ?? now
  const inReadOrder = seen === undefined ? rows : rows.toSorted(byTransaction)
  const kept = inReadOrder.slice(0, limit)
  const last = inReadOrder.length > limit ? kept.at(-1) : undefined
  const next: Cursor = last
    ? { epoch, seen, page: { snapshot, xid: last.xid, revision: last.revision } }
    : { epoch, seen: snapshot, page: undefined }
  return {
    rows: kept.toSorted((one, other) => one.revision - other.revision),
    cursor: writeCursor(next),
    hasGap,
    hasMore: last !== undefined || page !== undefined,
  }
}

function byTransaction(one: RevocationRow, other: RevocationRow): number {
  const [left, right] = [BigInt(one.xid), BigInt(other.xid)]
  return left === right ? one.revision - other.revision : left < right ? -1 : 1
}

function readRow(row: JsonRow): RevocationRow {
  return {
    revision: row.revision,
    selector: row.selector,
    pairId: row.pair_id,
    sessionId: row.session_id,
    realm: row.realm,
    username: row.username,
    bound: row.bound,
    sparedSessionId: row.spared_session_id,
    at: new Date(row.at_ms),
    caller: row.caller,
    invalidated: row.invalidated,
    previouslyInvalidated: row.previously_invalidated,
    reason: row.reason,
    comment: row.comment,
    xid: row.xid,
    clientId: row.client_id,
    everything: row.everything,
  }
}
