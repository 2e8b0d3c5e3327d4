import { GraphQLError } from 'graphql'
import type { Context, ServerOptions } from 'graphql-ws'
import type { Extra } from 'graphql-ws/use/ws'
import type { Guard, KnownToken, TokenEnd } from '../../src/guard/index.ts'

/** What `connectionParams` of a client hold: `createClient({ connectionParams: { authorization: 'Bearer …' } })`. */
type Params = { readonly authorization?: unknown }

interface Connection extends Extra {
  token?: KnownToken | undefined
}

/**
 * graphql-ws without Yoga: `useServer({ schema, ...webSocketGuard(guard) }, sockets)`. A resolver finds the token at
 * `context.token`. A connection whose token is not valid is refused. When its token ends, each of its operations ends
 * with an error, and the connection is closed.
 */
export function webSocketGuard(
  guard: Pick<Guard, 'admit' | 'watch'>,
): Pick<ServerOptions<Params, Connection>, 'onConnect' | 'onSubscribe' | 'context'> {
  const check = ({ connectionParams }: Context<Params, Connection>) => {
    const { authorization } = connectionParams ?? {}
    return guard.admit(typeof authorization === 'string' ? authorization : undefined)
  }
  return {
    async onConnect(context) {
      const admission = await check(context)
      const { extra } = context
      if (!admission.ok) extra.socket.close(admission.status === 401 ? forbidden : tryAgainLater)
      // A client that has left meanwhile: its socket says no more that it closes, so nothing would stop the watching.
      if (!admission.ok || extra.socket.readyState !== extra.socket.OPEN) return false
      extra.token = admission.token
      if (extra.token !== undefined)
        extra.socket.once(
          'close',
          guard.watch(extra.token, (reason) => end(context, reason)),
        )
      return true
    },
    // A connection outlasts a short outage of the service. A new operation is refused then.
    async onSubscribe(context) {
      const admission = await check(context)
      if (admission.ok) return
      return admission.body.errors.map(({ message, extensions }) => new GraphQLError(message, { extensions }))
    },
    context: ({ extra: { token } }) => ({ token }),
  }
}

// After both codes a client connects again, with what its `connectionParams` answer then. After 4401 it does not.
const forbidden = 4403
const tryAgainLater = 1013

function end({ subscriptions, extra: { socket } }: Context<Params, Connection>, reason: TokenEnd): void {
  const isOver = reason === 'invalidated' || reason === 'expired'
  const error = isOver
    ? { message: 'The access token is not valid.', extensions: { code: 'UNAUTHENTICATED' } }
    : { message: 'The access token cannot be judged now. Try again.', extensions: { code: 'REVOCATION_STATE_STALE' } }
  for (const id of Object.keys(subscriptions)) socket.send(JSON.stringify({ id, type: 'error', payload: [error] }))
  socket.close(isOver ? forbidden : tryAgainLater)
}
