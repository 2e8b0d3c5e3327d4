import { createGatewayRuntime, type GatewayRuntime } from '@graphql-hive/gateway-runtime'

/**
 * Hive Gateway over a supergraph: a fetch handler for any server. Its caller must dispose of it.
 *
 * The caller's `Authorization` goes to the subgraph of tokens and to no other: a subgraph that gets it can act as the
 * caller.
 */
export function createGateway(supergraph: string): GatewayRuntime {
  return createGatewayRuntime({
    supergraph,
    logging: false,
    propagateHeaders: {
      fromClientToSubgraphs: ({ request, subgraphName }) => ({
        authorization: subgraphName === 'tokens' ? request.headers.get('authorization') : undefined,
      }),
    },
  })
}
