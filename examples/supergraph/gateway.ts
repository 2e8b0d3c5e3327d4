import { createGatewayRuntime, type GatewayRuntime } from '@graphql-hive/gateway-runtime'
import { type Guard, useTokenGuard } from '../../src/guard/index.ts'

/**
 * Hive Gateway over a supergraph: a fetch handler for any server. Its caller must dispose of it. With a guard, a request
 * with a token that has ended is refused before any subgraph hears of it.
 *
 * The caller's `Authorization` goes to the subgraph of tokens and to no other: a subgraph that gets it can act as the
 * caller.
 */
export function createGateway(supergraph: string, guard?: Guard): GatewayRuntime {
  return createGatewayRuntime({
    supergraph,
    logging: false,
    plugins: () => (guard === undefined ? [] : [useTokenGuard({ guard })]),
    propagateHeaders: {
      fromClientToSubgraphs: ({ request, subgraphName }) => ({
        authorization: subgraphName === 'tokens' ? request.headers.get('authorization') : undefined,
      }),
    },
  })
}
