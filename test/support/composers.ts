import { composeServices as composeByApollo } from '@apollo/composition'
import { composeServices as composeByGuild } from '@theguild/federation-composition'
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from '@wundergraph/composition'
import { parse, print } from 'graphql'

export interface Subgraph {
  readonly name: string
  readonly url: string
  readonly sdl: string
}

export interface Composition {
  /** In the form that the composer's own gateway reads; empty if the composition failed. */
  readonly supergraph: string
  /** All errors, warnings and hints. */
  readonly complaints: readonly string[]
}

/** The composers of Apollo Router and Gateway, of Hive, and of Cosmo. */
export const composers: Readonly<Record<string, (subgraphs: readonly Subgraph[]) => Composition>> = {
  Apollo: (subgraphs) => {
    const { supergraphSdl = '', errors = [], hints = [] } = composeByApollo(subgraphs.map(toServiceDefinition))
    return { supergraph: supergraphSdl, complaints: [...errors, ...hints].map(({ message }) => message) }
  },
  'the Guild': (subgraphs) => {
    const { supergraphSdl = '', errors = [] } = composeByGuild(subgraphs.map(toServiceDefinition))
    return { supergraph: supergraphSdl, complaints: errors.map(({ message }) => message) }
  },
  WunderGraph: (subgraphs) => {
    const result = federateSubgraphs({
      subgraphs: subgraphs.map(({ name, url, sdl }) => ({ name, url, definitions: parse(sdl) })),
      version: ROUTER_COMPATIBILITY_VERSION_ONE,
    })
    return {
      supergraph: result.success ? print(result.federatedGraphAST) : '',
      complaints: [...(result.success ? [] : result.errors), ...result.warnings].map(({ message }) => message),
    }
  },
}

function toServiceDefinition({ name, url, sdl }: Subgraph) {
  return { name, url, typeDefs: parse(sdl) }
}
