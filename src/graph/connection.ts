import { type CursorKind, readCursor, writeCursor } from '../tokens/cursor.ts'
import { badInput } from '../tokens/owner.ts'
import type { Builder } from './builder.ts'

const defaultPage = 20
const longestPage = 100

/** `first` and `after`: our lists are read forwards only. */
export function pageArguments(builder: Builder) {
  return builder.args((t) => ({
    first: t.int({ defaultValue: defaultPage, description: `How many: 1 to ${longestPage}.` }),
    after: t.string({ description: 'The cursor of the last entry that is known; the page begins behind it.' }),
  }))
}

export interface PageArguments {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/** Where a page begins, and how long it may be. */
export interface PageRequest {
  /** Only what is older than this id. */
  readonly before: number | undefined
  readonly limit: number
}

/**
 * One page of a list that is sorted by id, the newest first. A cursor holds the id of its entry, so a page begins at the
 * same place whatever was added to the list or left it meanwhile.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export async function readPage<Node>(
  { first, after }: PageArguments,
  kind: CursorKind,
  idOf: (node: Node) => number,
  list: (page: PageRequest) => Promise<readonly Node[]>,
) {
  const limit = first ?? defaultPage
  if (limit < 1 || limit > longestPage) throw badInput(`Expected \`first\` to be 1 to ${longestPage}, got ${limit}`)
  const before = after == null ? undefined : readCursor(kind, after)
  // One more than asked for tells whether there is another page.
  const nodes = await list({ before, limit: limit + 1 })
  const edges = nodes.slice(0, limit).map((node) => ({ cursor: writeCursor(kind, idOf(node)), node }))
  return {
    edges,
    pageInfo: {
      hasNextPage: nodes.length > limit,
      hasPreviousPage: before !== undefined,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}

/** An id that a stranger sent. What can't be one is that of nothing: 0. */
export function readId(id: string): number {
  return /^[1-9]\d{0,14}$/.test(id) ? Number(id) : 0
}
