import type { EmitEvent } from '../../events/events.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { toElasticsearchRoute, type Verb } from './dialect.ts'
import { assertKnownParameters } from './fields.ts'
import { type AuthenticatePassword, createGrants } from './grants.ts'
import { authenticationTypeOf, describeUser, identify, ownerOf, scopesOf } from './identity.ts'
import { createInvalidation, createLegacyInvalidation } from './invalidation.ts'

export interface ElasticsearchDependencies {
  readonly tokens: Tokens
  readonly authenticatePassword?: AuthenticatePassword | undefined
  readonly emit: EmitEvent
}

/** The routes of Elasticsearch's token service, for its official clients of 6.x to 9.x. */
export function createElasticsearchRoutes({ tokens, authenticatePassword, emit }: ElasticsearchDependencies) {
  const route = (verb: Verb) => toElasticsearchRoute(verb, emit)
  return {
    describeService: route(createServiceDescription(tokens)),
    describeCaller: route(createCallerDescription(tokens)),
    getToken: route(createGrants({ tokens, authenticatePassword })),
    invalidateToken: route(createInvalidation(tokens)),
    invalidateTokenAs6: route(createLegacyInvalidation(tokens)),
  }
}

/** `GET /_security/_authenticate`: the caller that the credentials belong to. */
function createCallerDescription(tokens: Tokens): Verb {
  return async (request, context) => {
    const principal = await identify({ tokens, context }, request)
    assertKnownParameters(request)
    const body = describeUser(ownerOf(principal), scopesOf(principal), authenticationTypeOf(request))
    return { status: 200, body }
  }
}

/**
 * `GET /`: client 7 sends it once, to check which product it is connected to. It needs no credentials. Wrong ones are
 * refused all the same, because programs use this route to check their connection.
 */
function createServiceDescription(tokens: Tokens): Verb {
  const body = {
    name: 'invalidate-token',
    cluster_name: 'invalidate-token',
    cluster_uuid: '_na_',
    version: {
      // The version of the API, not of a build: the newest in which all of these routes have this form.
      number: '8.19.0',
      build_flavor: 'default',
      minimum_wire_compatibility_version: '7.17.0',
      minimum_index_compatibility_version: '7.0.0',
    },
    tagline: 'Ends tokens at once. GraphQL and GraphiQL are at /graphql',
  }
  return async (request, context) => {
    if (request.headers.has('authorization')) await identify({ tokens, context }, request)
    return { status: 200, body }
  }
}
