import type { IncomingMessage } from 'node:http'
import { HeaderMap } from '@apollo/server'
import { GraphQLError } from 'graphql'
import type { Guard, KnownToken } from '../../src/guard/index.ts'

export interface GuardedContext {
  readonly token: KnownToken | undefined
}

/** Apollo Server 5: `startStandaloneServer(server, { context: apolloContext(guard) })`, or `expressMiddleware`. */
export function apolloContext(guard: Guard): (given: { readonly req: IncomingMessage }) => Promise<GuardedContext> {
  return async ({ req }) => {
    const admission = await guard.admit(req.headers.authorization)
    if (admission.ok) return { token: admission.token }
    const [error] = admission.body.errors
    // How Apollo Server takes the head of the answer from an error that `context` throws.
    const http = { status: admission.status, headers: new HeaderMap(Object.entries(admission.headers)) }
    const extensions: Record<string, unknown> = { ...error.extensions, http }
    throw new GraphQLError(error.message, { extensions })
  }
}
