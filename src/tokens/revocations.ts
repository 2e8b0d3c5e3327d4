import { assertMayAccess, type Caller, hasScope, mayAccess } from './caller.ts'
import type { ListableScope, Revocation } from './coverage.ts'
import type { TokensDependencies } from './dependencies.ts'
import { TokenServiceError } from './errors.ts'
import type { InvalidationReason } from './invalidation-reasons.ts'
import type { OwnerScope } from './owner.ts'
import { assertPageLimit, readListableScope } from './read-input.ts'

export interface RevocationsRequest {
  /**
   * Only revocations that name this owner. Left out: all of them, or the caller's own if the caller may not see all.
   */
  readonly scope?: ListableScope | undefined
  readonly sessionId?: number | undefined
  readonly reason?: InvalidationReason | undefined
  /** Only revocations older than this revision. */
  readonly before?: number | undefined
  /** How many: 1 to 1,000. */
  readonly limit: number
}

/** The log, the newest revocation first. */
export async function listRevocations(
  dependencies: TokensDependencies,
  request: RevocationsRequest,
  caller: Caller,
): Promise<readonly Revocation[]> {
  const requestedScope = request.scope === undefined ? undefined : readListableScope(request.scope)
  const scope = requestedScope ?? ownScopeOf(caller)
  if (scope === undefined) assertAuthenticated(caller)
  assertMayAccess(caller, scope, 'see the record of invalidations')
  const { sessionId, reason, before, limit } = request
  assertPageLimit(limit)
  return dependencies.log.list({ scope, sessionId, reason, before, limit })
}

/**
 * One revocation. One that the caller may not see is answered as unknown.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED
 */
export async function findRevocation(
  dependencies: TokensDependencies,
  revision: number,
  caller: Caller,
): Promise<Revocation | undefined> {
  assertAuthenticated(caller)
  const revocation = await dependencies.log.find(revision)
  return revocation !== undefined && maySee(revocation, caller) ? revocation : undefined
}

function assertAuthenticated({ kind }: Caller): void {
  if (kind !== 'anonymous') return
  throw new TokenServiceError(
    'ERR_UNAUTHENTICATED',
    'To see the record of invalidations, authenticate as a token owner, or as a client with the scope manage_token.',
  )
}

/** A caller with `manage_token` sees all revocations. An owner sees those that name exactly that owner. */
function maySee({ realm, username }: Revocation, caller: Caller): boolean {
  if (realm === undefined || username === undefined) return hasScope(caller, 'manage_token')
  return mayAccess(caller, { realm, username })
}

function ownScopeOf(caller: Caller): OwnerScope | undefined {
  if (caller.kind !== 'owner' || hasScope(caller, 'manage_token')) return undefined
  return { kind: 'realm-user', ...caller.token.session.owner }
}
