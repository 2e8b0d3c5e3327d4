import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { createGuard, fromService } from '../../src/guard/index.ts'
import { type Config, createSdl, startService } from '../../src/index.ts'
import { createGateway } from './gateway.ts'
import { listen } from './listen.ts'
import { startUsers, usersSdl } from './users.ts'

export interface RunningSupergraph {
  readonly gateway: string
  readonly tokens: string
  readonly users: string
  /** Stops all servers in reverse order of their start. */
  stop(): Promise<void>
}

/**
 * Starts both subgraphs on free ports, composes them, and starts the gateway in front of them on `port`, with a guard: a
 * request with a token that has ended reaches no subgraph.
 */
export async function startSupergraph(
  config: Config & { readonly adminSecret: string },
  port: number,
): Promise<RunningSupergraph> {
  const tokens = await startService({ ...config, port: 0 })
  const users = await startUsers(0)
  const supergraph = compose([
    { name: 'tokens', url: tokens.url, sdl: createSdl({ directives: config.federationDirectives }) },
    { name: 'users', url: users.url, sdl: usersSdl },
  ])
  // A gateway of yours has a client of its own, with the scopes follow_revocations and introspect_token alone.
  const guard = createGuard({
    source: fromService({ url: tokens.url, clientId: 'admin', secret: config.adminSecret }),
  })
  await guard.ready({ withinMs: 30_000 })
  const gateway = createGateway(supergraph, guard)
  const server = await listen(gateway, port)
  return {
    gateway: server.url,
    tokens: tokens.url,
    users: users.url,
    stop: async () => {
      await server.stop()
      await gateway[Symbol.asyncDispose]()
      await guard.close()
      await users.stop()
      await tokens.stop()
    },
  }
}

interface Subgraph {
  readonly name: string
  readonly url: string
  readonly sdl: string
}

/** What a schema registry does: composes the subgraphs' schemas into the gateway's. */
function compose(subgraphs: readonly Subgraph[]): string {
  const { supergraphSdl, errors } = composeServices(
    subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
  )
  if (supergraphSdl === undefined) throw new AggregateError(errors ?? [], 'The subgraphs do not compose')
  return supergraphSdl
}
