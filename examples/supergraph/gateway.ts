import { createGatewayRuntime, type GatewayRuntime } from '@graphql-hive/gateway-runtime'

/**
 * Hive Gateway over a supergraph: a fetch handler, to be put on any server, and to be disposed of.
 *
 * The caller's `Authorization` goes to the subgraph of tokens and to no other: whoever gets it may act as the caller.
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
