import { type Caller, callerLabel, hasScope, ownerLabel } from './caller.ts'
import type { Revocation } from './coverage.ts'

/** Who caused the revocation (CAEP 1.0 §2, `initiating_entity`). */
export type InitiatingEntity = 'admin' | 'user' | 'policy' | 'system'

/** The caller of revocations that this service makes by itself. */
export const systemCaller = 'system:refresh-token-reuse'

/**
 * `user` if the caller presented the token itself (anonymous) or is the owner of the tokens; `system` for this service;
 * `admin` for every other caller.
 */
export function initiatingEntity({ caller, realm, username }: Revocation): InitiatingEntity {
  if (caller === systemCaller) return 'system'
  const isOwn = realm !== undefined && username !== undefined && caller === ownerLabel({ realm, username })
  return caller === 'anonymous' || isOwn ? 'user' : 'admin'
}

/** Whether a caller may read who made a revocation, and its comment: with `manage_token`, or if the caller made it. */
export function mayReadDetails(revocation: Revocation, caller: Caller): boolean {
  return hasScope(caller, 'manage_token') || revocation.caller === callerLabel(caller)
}

/**
 * Whether a caller may read the counts of a revocation. The counts for a whole realm, or for a username in all realms,
 * reveal something about other owners, so they need the same rights as the details.
 */
export function mayReadCounts(revocation: Revocation, caller: Caller): boolean {
  const isOfOneOwner = revocation.realm !== undefined && revocation.username !== undefined
  return isOfOneOwner || mayReadDetails(revocation, caller)
}
