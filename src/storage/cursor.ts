import { badInput } from '../tokens/input-fault.ts'

/**
 * How far a follower has read the log: a snapshot, never a revision.
 *
 * A revision is taken before its transaction commits, so a lower one may become visible after a higher one. A reader of
 * `revision > last` misses it (22 to 30 % of the rows, when this was tried). A snapshot says which transactions were
 * seen.
 *
 * A follower reads up to a snapshot in pages. Between two pages the cursor holds both ends: the follower has read every
 * row visible in `seen`, and of the further rows visible in `page.snapshot` those up to the position in `page`. Without
 * `seen`, it reads from the beginning of the log.
 *
 * A cursor arrives as text from a client and is untrusted input. It is validated here, so that Postgres never gets a
 * snapshot that it would refuse.
 */
export interface Cursor {
  /**
   * The history of the database that numbered these transactions. In another history, as after a backup was restored,
   * the numbers mean nothing. Cursors of earlier versions have only the system identifier here, which equals no epoch.
   */
  readonly epoch: string
  readonly seen: Snapshot | undefined
  readonly page: { readonly snapshot: Snapshot; readonly xid: string; readonly revision: number } | undefined
}

/**
 * As Postgres writes it, `xmin:xmax:xip,…`. Every transaction below xmin has ended, none from xmax on has, and of those
 * between, the ones listed in xip were still running.
 */
export interface Snapshot {
  readonly text: string
  readonly xmin: bigint
  readonly xmax: bigint
  readonly running: readonly string[]
}

const format = '1'
const unsignedInteger = /^(?:0|[1-9]\d{0,17})$/
const epochShape = /^\d{1,20}(?:-\d{1,10}-\d{1,16})?$/
/** The length with some thousands of transactions running at once. */
const maxLength = 40_000

export function writeCursor({ epoch, seen, page }: Cursor): string {
  const parts = [format, epoch, seen?.text ?? '-']
  if (page !== undefined) parts.push(page.snapshot.text, page.xid, String(page.revision))
  return Buffer.from(parts.join(' ')).toString('base64url')
}

/** @throws TokenServiceError ERR_BAD_INPUT: not a cursor of this feed */
export function readCursor(text: string): Cursor {
  const cursor = text.length <= maxLength ? parse(Buffer.from(text, 'base64url').toString('latin1')) : undefined
  // Each cursor has exactly one text: other text that decodes to the same cursor is refused.
  if (cursor === undefined || writeCursor(cursor) !== text)
    throw badInput({ field: 'cursor', expected: 'to be a cursor of this feed, unchanged' })
  return cursor
}

function parse(text: string): Cursor | undefined {
  const [version, epoch = '', seenText = '', pageText, xid = '', revision = '', ...others] = text.split(' ')
  if (version !== format || !epochShape.test(epoch) || others.length > 0) return undefined
  const seen = seenText === '-' ? undefined : readSnapshot(seenText)
  if (seen === undefined && seenText !== '-') return undefined
  if (pageText === undefined) return seen && { epoch, seen, page: undefined }
  const snapshot = readSnapshot(pageText)
  if (snapshot === undefined || !unsignedInteger.test(xid) || !/^\d{1,15}$/.test(revision)) return undefined
  return { epoch, seen, page: { snapshot, xid, revision: Number(revision) } }
}

/** Undefined for text that Postgres would refuse as a `pg_snapshot`. */
export function readSnapshot(text: string): Snapshot | undefined {
  const [xminText = '', xmaxText = '', list, ...others] = text.split(':')
  if (list === undefined || others.length > 0) return undefined
  const running = list === '' ? [] : list.split(',')
  if (![xminText, xmaxText, ...running].every((part) => unsignedInteger.test(part))) return undefined
  const [xmin, xmax] = [BigInt(xminText), BigInt(xmaxText)]
  const inOrder = running.every((xid, place) => place === 0 || BigInt(running[place - 1] ?? '0') < BigInt(xid))
  const inBounds = running.every((xid) => BigInt(xid) >= xmin && BigInt(xid) < xmax)
  return xmin >= 1n && xmin <= xmax && inOrder && inBounds ? { text, xmin, xmax, running } : undefined
}
