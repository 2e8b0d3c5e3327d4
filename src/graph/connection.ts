import { type CursorKind, readCursor, writeCursor } from '../tokens/cursor.ts'
import { badInput } from '../tokens/input-fault.ts'
import type { Builder } from './builder.ts'

export const defaultPageSize = 20
export const maxPageSize = 100

/** `first` and `after`: these lists can only be read forwards. */
export function pageArguments(builder: Builder) {
  return builder.args((t) => ({
    first: t.int({ defaultValue: defaultPageSize, description: `The number of entries: 1 to ${maxPageSize}.` }),
    after: t.string({ description: 'The cursor of the last entry that was read; the page begins after it.' }),
  }))
}

export interface PageArguments {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/** How a list writes the position of an entry as a cursor, and reads it. */
interface Cursors<Node, Position> {
  read(text: string): Position
  write(node: Node): string
}

/**
 * The cursors of a list that is sorted by id, newest first. A cursor holds the id of its entry, so a page begins at the
 * same position even if entries were added to the list or removed from it meanwhile.
 */
export function idCursors<Node>(kind: CursorKind, idOf: (node: Node) => number): Cursors<Node, number> {
  return { read: (text) => readCursor(kind, text), write: (node) => writeCursor(kind, idOf(node)) }
}

/**
 * Reads one page of a list in the list's own order. `list` answers at most `limit` entries after a position.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export async function readPage<Node, Position>(
  { first, after }: PageArguments,
  cursors: Cursors<Node, Position>,
  list: (after: Position | undefined, limit: number) => Promise<readonly Node[]>,
) {
  const limit = first ?? defaultPageSize
  if (limit < 1 || limit > maxPageSize)
    throw badInput({ field: 'limit', expected: `to be 1 to ${maxPageSize}`, found: `${limit}` })
  const position = after == null ? undefined : cursors.read(after)
  // One entry more than requested shows whether there is another page.
  const nodes = await list(position, limit + 1)
  const edges = nodes.slice(0, limit).map((node) => ({ cursor: cursors.write(node), node }))
  return {
    edges,
    pageInfo: {
      hasNextPage: nodes.length > limit,
      hasPreviousPage: position !== undefined,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}

/** Reads an id from untrusted input. Text that cannot be an id becomes 0, which is the id of no row. */
export function readId(id: string): number {
  return /^[1-9]\d{0,14}$/.test(id) ? Number(id) : 0
}
