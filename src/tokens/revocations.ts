import { assertMayReach, type Caller, hasScope, isWithinReach } from './caller.ts'
import type { TokensDependencies } from './dependencies.ts'
import { type OwnerScope, readOwnerScope } from './owner.ts'
import type { InvalidationReason, Revocation } from './revocation.ts'

export interface RevocationsRequest {
  /** Those that name this owner; all if left out, or the caller's own if they may not see all. */
  readonly scope?: OwnerScope | undefined
  readonly sessionId?: number | undefined
  readonly reason?: InvalidationReason | undefined
  /** Only revocations older than this revision. */
  readonly before?: number | undefined
  /** 1 to 1000. */
  readonly limit: number
}

export async function listRevocations(
  dependencies: TokensDependencies,
  request: RevocationsRequest,
  caller: Caller,
): Promise<readonly Revocation[]> {
  const asked = request.scope === undefined ? undefined : readOwnerScope(request.scope)
  const scope = asked ?? ownScopeOf(caller)
  assertMayReach(caller, scope, 'see the record of invalidations')
  const { sessionId, reason, before, limit } = request
  return dependencies.log.list({ scope, sessionId, reason, before, limit })
}

/** A revocation that the caller may not see is unknown to them. */
export async function findRevocation(
  dependencies: TokensDependencies,
  revision: number,
  caller: Caller,
): Promise<Revocation | undefined> {
  const revocation = await dependencies.log.find(revision)
  return revocation !== undefined && maySee(revocation, caller) ? revocation : undefined
}

/** Whoever administers sees all; an owner what names them, or their session. */
function maySee({ realm, username }: Revocation, caller: Caller): boolean {
  if (realm === undefined || username === undefined) return hasScope(caller, 'manage_token')
  return isWithinReach(caller, { realm, username })
}

function ownScopeOf(caller: Caller): OwnerScope | undefined {
  if (caller.kind !== 'owner' || hasScope(caller, 'manage_token')) return undefined
  return { kind: 'realm-user', ...caller.token.session.owner }
}
