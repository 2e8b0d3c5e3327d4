import { type SQL, sql } from 'drizzle-orm'
import type { LogPage, SinceOptions } from '../tokens/revocation-log.ts'
import { type Cursor, readCursor, readSnapshot, type Snapshot, writeCursor } from './cursor.ts'
import type { Database } from './engine/database.ts'
import type { revocations } from './schema.ts'

type RevocationRow = typeof revocations.$inferSelect

/** A row of the log as `row_to_json` writes it. */
interface JsonRow {
  readonly revision: number
  readonly selector: RevocationRow['selector']
  readonly pair_id: number | null
  readonly session_id: number | null
  readonly realm: string | null
  readonly username: string | null
  readonly bound: number | null
  readonly spared_session_id: number | null
  readonly at: string
  readonly caller: string
  readonly invalidated: number | null
  readonly previously_invalidated: number | null
  readonly reason: string | null
  readonly comment: string | null
  readonly xid: string
}

/** The log at one moment: where it is, and rows of it. */
interface Moment {
  readonly cluster: string
  readonly snapshot: Snapshot
  /** The newest transaction of which a revocation was forgotten. */
  readonly forgotten: bigint | undefined
  readonly rows: readonly RevocationRow[]
}

/** A page as it is stored. */
export interface RowPage extends Omit<LogPage, 'revocations'> {
  readonly rows: readonly RevocationRow[]
}

/** Where the log is now. */
export async function readPosition(database: Database): Promise<string> {
  const { cluster, snapshot } = await readMoment(database, sql`select * from revocations where false`, undefined)
  return writeCursor({ cluster, seen: snapshot, page: undefined })
}

/**
 * The next page of rows that a cursor has not seen, in order of their revision, and the cursor after it. One statement,
 * so a row that retention takes away is either in the page or noted as forgotten.
 *
 * @throws TokenServiceError ERR_BAD_INPUT: not a cursor of ours
 */
export async function readSince(
  database: Database,
  after: string | undefined,
  { limit, upTo }: SinceOptions,
): Promise<RowPage> {
  const cursor = after === undefined ? beginning : readCursor(after)
  const target = upTo === undefined ? undefined : readCursor(upTo).seen
  const moment = await readMoment(database, unseen(cursor, limit + 1), cursor.page?.snapshot ?? target)
  if (after === undefined || !isLost(cursor, moment)) return pageOf(cursor, moment, { limit, target, hasGap: false })
  const whole = await readMoment(database, unseen(beginning, limit + 1), target)
  return pageOf(beginning, whole, { limit, target, hasGap: true })
}

const beginning: Cursor = { cluster: '', seen: undefined, page: undefined }

/**
 * Whether rows that the cursor has not seen may be gone, or its numbers are not those of this database: a dump restored
 * into another cluster, or a database that went back in time.
 *
 * The newest forgotten transaction alone does not say it: it may have been seen, and an older one not, that was under
 * way then and has ended since. One that is still under way has lost nothing, be it days old.
 */
function isLost({ cluster, seen, page }: Cursor, now: Moment): boolean {
  const { snapshot, forgotten } = now
  const furthest = page?.snapshot ?? seen
  if (cluster !== now.cluster || (furthest !== undefined && furthest.xmax > snapshot.xmax)) return true
  if (seen === undefined || forgotten === undefined) return false
  const isUnderWay = new Set(snapshot.running)
  return forgotten >= seen.xmax || seen.running.some((xid) => BigInt(xid) <= forgotten && !isUnderWay.has(xid))
}

/**
 * Rows that the cursor has not seen, up to the snapshot that the page ends with.
 *
 * From the beginning the log is walked by its revisions. Further on it is walked by transactions, and only by those that
 * the snapshot did not see: they are those from xmax on and those that were under way, however far back the oldest of
 * these began. Both walk an index and stop at the limit.
 */
function unseen({ seen, page }: Cursor, rows: number): SQL {
  const isDue = sql`pg_visible_in_snapshot(xid, (select target from now))`
  const { xid = '0', revision = 0 } = page ?? {}
  if (seen === undefined)
    return sql`select * from revocations where revision > ${revision} and ${isDue} order by revision limit ${rows}`
  const isAfter = sql`(xid, revision) > (${xid}::xid8, ${revision}::bigint) and ${isDue} order by xid, revision limit ${rows}`
  return sql`
    (select * from revocations where xid >= ${String(seen.xmax)}::xid8 and ${isAfter})
    union all
    (select * from revocations where xid = any(${`{${seen.running.join()}}`}::xid8[]) and ${isAfter})
    order by xid, revision limit ${rows}`
}

async function readMoment({ db }: Database, rows: SQL, target: Snapshot | undefined): Promise<Moment> {
  const now = db.$with('now', {}).as(sql`
    select pg_current_snapshot() as snapshot, coalesce(${target?.text ?? null}::pg_snapshot, pg_current_snapshot()) as target`)
  const page = db.$with('page', {}).as(rows)
  const [moment] = await db
    .with(now, page)
    .select({
      cluster: sql<string>`(select system_identifier::text from pg_control_system())`,
      snapshot: sql<string>`snapshot::text`,
      forgotten: sql<string | null>`(select up_to::text from forgotten_revocations)`,
      rows: sql<readonly JsonRow[] | null>`(select json_agg(page) from page)`,
    })
    .from(sql`now`)
  const snapshot = moment && readSnapshot(moment.snapshot)
  if (snapshot === undefined) throw new Error('The log was asked where it is and did not say')
  const { cluster, forgotten } = moment ?? { cluster: '', forgotten: null }
  const found = (moment?.rows ?? []).map(readRow)
  return { cluster, snapshot, forgotten: forgotten === null ? undefined : BigInt(forgotten), rows: found }
}

interface PageOptions {
  readonly limit: number
  readonly target: Snapshot | undefined
  readonly hasGap: boolean
}

/** Of one row more than fit, the last says only that there are more. */
function pageOf(
  cursor: Cursor,
  { cluster, snapshot: now, rows }: Moment,
  { limit, target, hasGap }: PageOptions,
): RowPage {
  const { seen, page } = cursor
  const snapshot = page?.snapshot ?? target ?? now
  const walked = seen === undefined ? rows : rows.toSorted(byTransaction)
  const kept = walked.slice(0, limit)
  const last = walked.length > limit ? kept.at(-1) : undefined
  const next: Cursor = last
    ? { cluster, seen, page: { snapshot, xid: last.xid, revision: last.revision } }
    : { cluster, seen: snapshot, page: undefined }
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
    at: new Date(row.at),
    caller: row.caller,
    invalidated: row.invalidated,
    previouslyInvalidated: row.previously_invalidated,
    reason: row.reason,
    comment: row.comment,
    xid: row.xid,
  }
}
