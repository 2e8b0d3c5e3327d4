import { badInput } from '../tokens/owner.ts'

/**
 * How far a follower has read the log: as a snapshot, never as a revision.
 *
 * Revisions are taken before their transaction commits, so a lower one may come to sight after a higher one: a reader
 * of `revision > last` misses it (22 to 30 % of rows, when it was tried). A snapshot says which transactions were seen.
 * Between two pages of one reading a cursor has both ends: all that `seen` saw, and of what `page.snapshot` saw beyond
 * it the part up to `page`. Without `seen` the reading began at the beginning.
 *
 * Whoever holds a cursor holds text, which a stranger may have written: it is parsed here, so that Postgres never
 * stumbles over it.
 */
export interface Cursor {
  /** The cluster that counts these transactions: after a dump is restored elsewhere, its numbers mean nothing. */
  readonly cluster: string
  readonly seen: Snapshot | undefined
  readonly page: { readonly snapshot: Snapshot; readonly xid: string; readonly revision: number } | undefined
}

/** As Postgres writes it, `xmin:xmax:xip,…`: all below xmin have ended, none from xmax on, and those of xip have not. */
export interface Snapshot {
  readonly text: string
  readonly xmin: bigint
  readonly xmax: bigint
  readonly running: readonly string[]
}

const format = '1'
const number = /^(?:0|[1-9]\d{0,17})$/
/** As long as it is with some thousands of transactions under way at once. */
const longestCursor = 40_000

export function writeCursor({ cluster, seen, page }: Cursor): string {
  const parts = [format, cluster, seen?.text ?? '-']
  if (page !== undefined) parts.push(page.snapshot.text, page.xid, String(page.revision))
  return Buffer.from(parts.join(' ')).toString('base64url')
}

/** @throws TokenServiceError ERR_BAD_INPUT: not a cursor of ours */
export function readCursor(text: string): Cursor {
  const cursor = text.length <= longestCursor ? parse(Buffer.from(text, 'base64url').toString('latin1')) : undefined
  // There is one way to write a cursor: whatever decodes to the same is not one.
  if (cursor === undefined || writeCursor(cursor) !== text)
    throw badInput('Expected `after` to be a `cursor` of this feed, unchanged')
  return cursor
}

function parse(text: string): Cursor | undefined {
  const [version, cluster = '', seenText = '', pageText, xid = '', revision = '', ...others] = text.split(' ')
  if (version !== format || !/^\d{1,20}$/.test(cluster) || others.length > 0) return undefined
  const seen = seenText === '-' ? undefined : readSnapshot(seenText)
  if (seen === undefined && seenText !== '-') return undefined
  if (pageText === undefined) return seen && { cluster, seen, page: undefined }
  const snapshot = readSnapshot(pageText)
  if (snapshot === undefined || !number.test(xid) || !/^\d{1,15}$/.test(revision)) return undefined
  return { cluster, seen, page: { snapshot, xid, revision: Number(revision) } }
}

/** Undefined for what Postgres would refuse as a `pg_snapshot`. */
export function readSnapshot(text: string): Snapshot | undefined {
  const [xminText = '', xmaxText = '', list, ...others] = text.split(':')
  if (list === undefined || others.length > 0) return undefined
  const running = list === '' ? [] : list.split(',')
  if (![xminText, xmaxText, ...running].every((part) => number.test(part))) return undefined
  const [xmin, xmax] = [BigInt(xminText), BigInt(xmaxText)]
  const inOrder = running.every((xid, place) => place === 0 || BigInt(running[place - 1] ?? '0') < BigInt(xid))
  const inBounds = running.every((xid) => BigInt(xid) >= xmin && BigInt(xid) < xmax)
  return xmin >= 1n && xmin <= xmax && inOrder && inBounds ? { text, xmin, xmax, running } : undefined
}
