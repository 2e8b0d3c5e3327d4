import SchemaBuilder from '@pothos/core'
import DirectivesPlugin from '@pothos/plugin-directives'
import FederationPlugin from '@pothos/plugin-federation'
import RelayPlugin from '@pothos/plugin-relay'
import type { Caller } from '../tokens/caller.ts'
import { parseInstant } from '../tokens/instant.ts'
import { badInput } from '../tokens/owner.ts'
import type { Tokens } from '../tokens/tokens.ts'

/** What every resolver is given: the verbs, and who asks. */
export interface GraphContext {
  readonly tokens: Tokens
  readonly caller: Caller
}

export type Builder = ReturnType<typeof createBuilder>

/** A builder with the scalars and the empty roots, for the files beside this one to fill. */
export function createBuilder() {
  const builder = new SchemaBuilder<{
    Context: GraphContext
    DefaultFieldNullability: false
    DefaultEdgesNullability: false
    DefaultNodeNullability: false
    Scalars: { DateTime: { Input: Date; Output: Date } }
  }>({
    // Without the directives' plugin the federation's declares nothing, and says nothing.
    plugins: [DirectivesPlugin, FederationPlugin, RelayPlugin],
    defaultFieldNullability: false,
    relay: connections,
  })

  builder.scalarType('DateTime', {
    description: 'An instant in UTC as RFC 3339 writes it, for example `2026-11-21T09:30:00.000Z`.',
    serialize: (instant) => instant.toISOString(),
    parseValue: readInstant,
  })
  builder.queryType({ description: 'What can be asked about tokens.' })
  builder.mutationType({ description: 'The verbs: issue, refresh, invalidate.' })
  return builder
}

/**
 * Connections as the GraphQL Cursor Connections Specification has them, without `Query.node`: other subgraphs have one.
 * They all have a `PageInfo` too; two can only be composed if each says that it may be shared.
 */
const connections = {
  nodeQueryOptions: false,
  nodesQueryOptions: false,
  nodesOnConnection: { description: 'The page, without cursors.' },
  pageInfoTypeOptions: { shareable: true, description: 'Where a page stands in the whole list.' },
  hasNextPageFieldOptions: { description: 'Whether there is more after this page.' },
  hasPreviousPageFieldOptions: { description: 'Whether there is more before this page.' },
  startCursorFieldOptions: { description: 'The cursor of the first edge; null when there is none.' },
  endCursorFieldOptions: { description: 'The cursor of the last edge, for `after`; null when there is none.' },
  edgesFieldOptions: { nullable: false, description: 'The page, each entry with its cursor.' },
  pageInfoFieldOptions: { description: 'Where this page stands, and how to go on.' },
  cursorFieldOptions: { description: 'Names this place in the list. Opaque.' },
  nodeFieldOptions: { nullable: false, description: 'What stands at this place.' },
} as const

function readInstant(value: unknown): Date {
  const instant = typeof value === 'string' ? parseInstant(value) : undefined
  if (instant === undefined)
    throw badInput('Expected a DateTime as RFC 3339 writes it, for example `2026-11-21T09:30:00Z`')
  return instant
}
