import { sql } from 'drizzle-orm'
import type { LogPage, SinceOptions } from '../tokens/revocation-log.ts'
import { epochMs } from './columns.ts'
import { type Cursor, readCursor, type Snapshot, writeCursor } from './cursor.ts'
import type { Database } from './engine/database.ts'
import { beginning, cursorAfter, isLost, type LogState, readLogState, unseen } from './log-state.ts'
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

/** A page with its rows as they are stored. */
export interface RowPage extends Omit<LogPage, 'revocations'> {
  readonly rows: readonly RevocationRow[]
}

/** A cursor at the current end of the log. */
export async function readPosition(database: Database): Promise<string> {
  const rows = sql`select * from revocations where false`
  const { epoch, snapshot } = await readLogState(database, { rows, target: undefined, page: sql`null` })
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
  const read = (from: Cursor, upToSnapshot: Snapshot | undefined) =>
    readLogState(database, { rows: unseen(from, { rows: limit + 1 }), target: upToSnapshot, page: asJson })
  const state = await read(cursor, cursor.page?.snapshot ?? target)
  if (after === undefined || !isLost(cursor, state)) return pageOf(cursor, state, { limit, target, hasGap: false })
  return pageOf(beginning, await read(beginning, target), { limit, target, hasGap: true })
}

/** The page's rows, of which the last only shows that there are more. */
const asJson = sql<readonly JsonRow[] | null>`
  (select json_agg(page) from (select *, ${epochMs(sql`at`)} as at_ms from page) page)`

interface PageOptions {
  readonly limit: number
  readonly target: Snapshot | undefined
  readonly hasGap: boolean
}

/** The statement reads one row more than the page holds: it is left out, and only shows that there are more rows. */
function pageOf(cursor: Cursor, state: LogState<readonly JsonRow[]>, { limit, target, hasGap }: PageOptions): RowPage {
  const rows = (state.page ?? []).map(readRow)
  const inReadOrder = cursor.seen === undefined ? rows : rows.toSorted(byTransaction)
  const kept = inReadOrder.slice(0, limit)
  const last = inReadOrder.length > limit ? kept.at(-1) : undefined
  return {
    rows: kept.toSorted((one, other) => one.revision - other.revision),
    epoch: state.epoch,
    hasGap,
    ...cursorAfter(cursor, state, { target, last }),
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
