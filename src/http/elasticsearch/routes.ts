import type { EmitEvent } from '../../events/events.ts'
import { toElasticsearchRoute, type Verb } from './dialect.ts'
import { assertKnownParameters } from './fields.ts'
import { createGrants, type GrantDependencies } from './grants.ts'
import { authenticationTypeOf, describeUser, identify, ownerOf, scopesOf } from './identity.ts'
import { createInvalidation, createLegacyInvalidation } from './invalidation.ts'

export interface ElasticsearchDependencies extends GrantDependencies {
  readonly emit: EmitEvent
}

/** The routes of Elasticsearch's token service, for its official clients of 6.x to 9.x. */
export function createElasticsearchRoutes({ emit, ...dependencies }: ElasticsearchDependencies) {
  const route = (verb: Verb) => toElasticsearchRoute(verb, emit)
  return {
    describeService: route(createServiceDescription(dependencies)),
    describeCaller: route(createCallerDescription(dependencies)),
    getToken: route(createGrants(dependencies)),
    invalidateToken: route(createInvalidation(dependencies)),
    invalidateTokenAs6: route(createLegacyInvalidation(dependencies)),
  }
}

/** `GET /_security/_authenticate`: the caller that the credentials belong to. */
function createCallerDescription({ tokens, limits }: GrantDependencies): Verb {
  return async (request, context) => {
    const principal = await identify({ tokens, limits, context }, request)
    assertKnownParameters(request)
    const body = describeUser(ownerOf(principal), scopesOf(principal), authenticationTypeOf(request))
    return { status: 200, body }
  }
}

/**
 * `GET /`: client 7 sends it once, to check which product it is connected to. It needs no credentials. Wrong ones are
 * refused all the same, because programs use this route to check their connection.
 */
function createServiceDescription({ tokens, limits }: GrantDependencies): Verb {
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
    tagline: 'Ends tokens at once. GraphQL is at /graphql',
  }
  return async (request, context) => {
    if (request.headers.has('authorization')) await identify({ tokens, limits, context }, request)
    return { status: 200, body }
  }
}
