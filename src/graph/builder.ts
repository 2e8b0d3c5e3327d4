import SchemaBuilder from '@pothos/core'
import type { Caller } from '../tokens/caller.ts'
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
    Scalars: { DateTime: { Input: Date; Output: Date } }
  }>({ defaultFieldNullability: false })

  builder.scalarType('DateTime', {
    description: 'An instant in UTC as RFC 3339 writes it, for example `2026-11-21T09:30:00.000Z`.',
    serialize: (instant) => instant.toISOString(),
  })
  builder.queryType({ description: 'What can be asked about tokens.' })
  builder.mutationType({ description: 'The verbs: issue, refresh, invalidate.' })
  return builder
}
