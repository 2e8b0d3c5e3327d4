import { GraphQLError } from 'graphql'
import type { Context, ServerOptions } from 'graphql-ws'
import type { Guard } from '../../src/guard/index.ts'

/** What `connectionParams` of a client hold: `createClient({ connectionParams: { authorization: 'Bearer …' } })`. */
type Params = { readonly authorization?: unknown }

interface Connection {
  readonly socket: { close(code: number, reason: string): void }
  /** Stops waiting for the end of the token. */
  stopWatching?: () => void
}

/**
 * graphql-ws without Yoga: `useServer({ schema, ...webSocketGuard(guard) }, sockets)`. An operation is refused by an error;
 * when the token ends, the connection is closed with 4403, and its client connects again with new `connectionParams`.
 */
export function webSocketGuard(
  guard: Guard,
): Pick<ServerOptions<Params, Connection>, 'onConnect' | 'onSubscribe' | 'onDisconnect'> {
  const check = ({ connectionParams }: Context<Params, Connection>) => {
    const { authorization } = connectionParams ?? {}
    return guard.admit(typeof authorization === 'string' ? authorization : undefined)
  }
  return {
    async onConnect(context) {
      const admission = await check(context)
      if (!admission.ok || admission.token === undefined) return
      const { extra } = context
      extra.stopWatching = guard.watch(admission.token, () => extra.socket.close(4403, 'Forbidden'))
    },
    onDisconnect: ({ extra }) => extra.stopWatching?.(),
    async onSubscribe(context) {
      const admission = await check(context)
      if (admission.ok) return
      return admission.body.errors.map(({ message, extensions }) => new GraphQLError(message, { extensions }))
    },
  }
}
