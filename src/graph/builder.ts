import SchemaBuilder from '@pothos/core'
import DirectivesPlugin from '@pothos/plugin-directives'
import FederationPlugin from '@pothos/plugin-federation'
import RelayPlugin from '@pothos/plugin-relay'
import type { Caller } from '../tokens/caller.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import { badInput } from '../tokens/input-fault.ts'
import { parseInstant } from '../tokens/instant.ts'
import type { Tokens } from '../tokens/tokens.ts'

/** What every resolver gets: the verbs and the caller. */
export interface GraphContext {
  /** Every resolver reads the verbs from here, so that none begins any work once nobody waits for the answer. */
  readonly tokens: Tokens
  readonly caller: Caller
}

interface GraphRequest extends GraphContext {
  readonly request: { isAwaited(): boolean }
}

/** The context of an operation. */
export function graphContext({ tokens, caller, request }: GraphRequest): GraphContext {
  return {
    get tokens() {
      if (request.isAwaited()) return tokens
      throw new TokenServiceError('ERR_CANCELLED', 'The request was given up: repeat it if you still need the answer.')
    },
    caller,
  }
}

export type Builder = ReturnType<typeof createBuilder>

/** A builder with the scalars and the root types, which are still empty. The other files of this folder add to them. */
export function createBuilder() {
  const builder = new SchemaBuilder<{
    Context: GraphContext
    DefaultFieldNullability: false
    DefaultEdgesNullability: false
    DefaultNodeNullability: false
    Scalars: { DateTime: { Input: Date; Output: Date } }
  }>({
    // Without the directives plugin, the federation plugin silently declares nothing.
    plugins: [DirectivesPlugin, FederationPlugin, RelayPlugin],
    defaultFieldNullability: false,
    relay: connections,
  })

  builder.scalarType('DateTime', {
    description: [
      'An instant in UTC in the format of RFC 3339, for example `2026-11-21T09:30:00.000Z`.',
      'As input it may also have another offset (`+02:00`), and more or fewer digits in its fraction; those after the third are ignored. Hour 24 is refused. A leap second (`23:59:60Z` at the end of June or December) is read as the second after it.',
    ].join('\n\n'),
    serialize: (instant) => instant.toISOString(),
    parseValue: readInstant,
  })
  builder.queryType({ description: 'Queries about tokens, sessions, revocations and clients.' })
  builder.mutationType({
    description: 'Creates, refreshes and invalidates tokens, and manages the clients that do so.',
  })
  return builder
}

/**
 * Connections as the GraphQL Cursor Connections Specification defines them, without `Query.node`, which other subgraphs
 * have. Other subgraphs have a `PageInfo` too: two of them compose only if each is declared shareable.
 */
const connections = {
  nodeQueryOptions: false,
  nodesQueryOptions: false,
  nodesOnConnection: { description: 'The entries of this page, without cursors.' },
  pageInfoTypeOptions: { shareable: true, description: 'The position of a page in the whole list.' },
  hasNextPageFieldOptions: { description: 'Whether there are entries after this page.' },
  hasPreviousPageFieldOptions: { description: 'Whether there are entries before this page.' },
  startCursorFieldOptions: { description: 'The cursor of the first edge. Null if the page is empty.' },
  endCursorFieldOptions: { description: 'The cursor of the last edge, for `after`. Null if the page is empty.' },
  edgesFieldOptions: { nullable: false, description: 'The entries of this page, each with its cursor.' },
  pageInfoFieldOptions: { description: 'The position of this page, and how to request the next one.' },
  cursorFieldOptions: { description: 'The position of this entry in the list. Opaque.' },
  nodeFieldOptions: { nullable: false, description: 'The entry at this position.' },
} as const

function readInstant(value: unknown): Date {
  const instant = typeof value === 'string' ? parseInstant(value) : undefined
  if (instant === undefined)
    throw badInput('Expected a DateTime as RFC 3339 writes it, for example `2026-11-21T09:30:00Z`')
  return instant
}
