import type { ClientCaller } from '../tokens/caller.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { type GuardSource, SourceError } from './source.ts'

const inProcess: ClientCaller = {
  kind: 'client',
  clientId: 'guard',
  scopes: ['follow_revocations', 'introspect_token'],
}

/**
 * A guard's source in the process of the service itself: the same rules, without HTTP and without credentials.
 *
 * @example
 * const guard = createGuard({ source: fromTokens(service.tokens) })
 */
export function fromTokens(tokens: Pick<Tokens, 'followForGuard' | 'introspect'>): GuardSource {
  return {
    async *follow(after, signal) {
      const events = await asSource(() => tokens.followForGuard(after, inProcess))
      const end = () => void events.return?.()
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
      try {
        yield* events
      } finally {
        signal.removeEventListener('abort', end)
        end()
      }
    },
    async introspect(token) {
      const found = await asSource(() => tokens.introspect(token, inProcess))
      if (!found.active) return undefined
      const { session, clientId, scopes, issuedAt, expiresAt } = found
      const { realm: realmName, username } = session.owner
      return { realmName, username, sessionId: String(session.id), clientId, scopes, issuedAt, expiresAt }
    },
  }
}

async function asSource<Answer>(run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    throw new SourceError('unreachable', 'The service did not answer', { cause: error })
  }
}
