import type { GraphQLSchema } from 'graphql'
import { createBuilder } from './builder.ts'
import { defineIntrospection } from './introspection.ts'
import { defineInvalidation } from './invalidation.ts'
import { definePairs } from './pair.ts'
import { defineSession } from './session.ts'

/** The executable schema. */
export function createSchema(): GraphQLSchema {
  const builder = createBuilder()
  const tokenSession = defineSession(builder)
  definePairs(builder, tokenSession)
  defineInvalidation(builder)
  defineIntrospection(builder, tokenSession)
  return builder.toSchema({ sortSchema: false })
}
