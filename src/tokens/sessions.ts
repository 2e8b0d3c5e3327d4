import { assertMayAccess, type Caller, mayAccess } from './caller.ts'
import type { ListableScope } from './coverage.ts'
import type { TokensDependencies } from './dependencies.ts'
import { TokenServiceError } from './errors.ts'
import type { OwnerScope } from './owner.ts'
import { assertPageLimit, readListableScope } from './read-input.ts'
import type { StoredSession } from './store.ts'

export interface SessionsRequest {
  /** Whose sessions; the caller's own if left out. */
  readonly scope?: ListableScope
  /** Also sessions that have ended, as long as their rows are kept. */
  readonly includeEnded?: boolean
  /** Only sessions older than the one with this id. */
  readonly before?: number | undefined
  /** How many: 1 to 1,000. */
  readonly limit: number
}

/** Sessions, the newest login first. */
export async function listSessions(
  dependencies: TokensDependencies,
  request: SessionsRequest,
  caller: Caller,
): Promise<readonly StoredSession[]> {
  const scope = request.scope === undefined ? ownScope(caller) : readListableScope(request.scope)
  assertMayAccess(caller, scope, 'see sessions')
  const { includeEnded = false, before, limit } = request
  assertPageLimit(limit)
  return dependencies.store.listSessions({ scope, includeEnded, before, limit, at: dependencies.clock() })
}

/** One session. One that the caller may not see is answered as unknown. */
export async function findSession(
  dependencies: TokensDependencies,
  id: number,
  caller: Caller,
): Promise<StoredSession | undefined> {
  if (caller.kind === 'anonymous')
    throw new TokenServiceError('ERR_UNAUTHENTICATED', 'To see a session, authenticate as its owner or as a client.')
  const session = await dependencies.store.findSession(id, dependencies.clock())
  return session !== undefined && mayAccess(caller, session.owner) ? session : undefined
}

/** @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN: the caller is not a token owner */
function ownScope(caller: Caller): OwnerScope {
  if (caller.kind === 'owner') return { kind: 'realm-user', ...caller.token.session.owner }
  throw new TokenServiceError(
    caller.kind === 'anonymous' ? 'ERR_UNAUTHENTICATED' : 'ERR_FORBIDDEN',
    'Only a token owner has sessions of their own: send `Authorization: Bearer <access token>`.',
  )
}
