import type { GraphQLSchema } from 'graphql'
import { createBuilder } from './builder.ts'
import { addFederation } from './federation.ts'
import { defineIntrospection } from './introspection.ts'
import { defineInvalidation } from './invalidation.ts'
import type { OptionalDirective } from './optional-directives.ts'
import { defineOwner, defineOwnerInput } from './owner.ts'
import { definePairs } from './pair.ts'
import { defineReason } from './reason.ts'
import { defineRevocation } from './revocation.ts'
import { defineRevocations } from './revocations.ts'
import { printSubgraph } from './sdl.ts'
import { defineSession } from './session.ts'
import { defineSessions } from './sessions.ts'
import { defineSubscriptions } from './subscriptions.ts'

export interface SchemaOptions {
  /** The optional directives of the SDL, for a composer. None by default. */
  readonly directives?: readonly OptionalDirective[]
}

/** The executable schema, a federation subgraph: a gateway reads its SDL from `_service`, and joins by `_entities`. */
export function createSchema({ directives = [] }: SchemaOptions = {}): GraphQLSchema {
  const schema = buildSchema()
  return addFederation(schema, printSubgraph(schema, directives))
}

/** The SDL that `_service` answers, for a composer. By default it equals the file `schema.graphql`. */
export function createSdl({ directives = [] }: SchemaOptions = {}): string {
  return printSubgraph(buildSchema(), directives)
}

function buildSchema(): GraphQLSchema {
  const builder = createBuilder()
  const tokenSession = defineSession(builder)
  const tokenOwner = defineOwner(builder, tokenSession)
  const ownerInput = defineOwnerInput(builder)
  const reason = defineReason(builder)
  definePairs(builder, tokenSession)
  const invalidation = defineInvalidation(builder, { ownerInput, reason })
  defineIntrospection(builder, tokenSession)
  defineSessions(builder, { tokenSession, tokenOwner, ownerInput })
  const revocation = defineRevocation(builder, { tokenSession, invalidation, reason })
  defineRevocations(builder, { revocation, reason, ownerInput })
  defineSubscriptions(builder, revocation)
  return builder.toSchema({ sortSchema: false })
}
