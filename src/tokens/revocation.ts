import { type Caller, callerLabel, hasScope, ownerLabel } from './caller.ts'
import type { InvalidationCounts } from './store.ts'
import type { Half } from './token.ts'

/**
 * Why tokens were ended, in OpenID's terms: the events of CAEP 1.0 (`session-revoked`, `credential-change`, …) and
 * RISC 1.0 (`account-disabled`, `credential-compromise`, …).
 */
export const invalidationReasons = [
  'logout',
  'session-revoked',
  'credential-change',
  'credential-compromise',
  'token-claims-change',
  'assurance-level-change',
  'device-compliance-change',
  'account-disabled',
  'account-purged',
  'refresh-token-reuse',
] as const

export type InvalidationReason = (typeof invalidationReasons)[number]

/** Who caused the revocation (CAEP 1.0 §2, `initiating_entity`). */
export type InitiatingEntity = 'admin' | 'user' | 'policy' | 'system'

/** The recorded fact of one invalidation: a row of the log. */
export interface Revocation {
  readonly revision: number
  readonly selector: 'access-token' | 'refresh-token' | 'session' | 'owner'
  /** The pair whose half was invalidated. */
  readonly pairId: number | undefined
  /** The session that was invalidated, or the session of the token that was. */
  readonly sessionId: number | undefined
  /** Undefined if the revocation covers a username in every realm. */
  readonly realm: string | undefined
  /** Undefined if the revocation covers all owners in a realm. */
  readonly username: string | undefined
  /** Sessions with a lower id are covered. Undefined for a single token. */
  readonly bound: number | undefined
  readonly sparedSessionId: number | undefined
  readonly at: Date
  readonly caller: string
  readonly reason: string | undefined
  readonly comment: string | undefined
  /** Undefined between the commit of the revocation and the end of the counting, a moment later. */
  readonly counts: InvalidationCounts | undefined
}

/** What `covers` needs to know about a token. */
export interface RevocableToken {
  readonly half: Half
  readonly pairId: number
  readonly session: { readonly id: number; readonly owner: { readonly realm: string; readonly username: string } }
}

/**
 * Whether a revocation covers a token: it names the token, or its session, or its owner if the session's id is below
 * the bound. The view `token_pair_states` states the same rule in SQL.
 */
export function covers(revocation: Revocation, { half, pairId, session }: RevocableToken): boolean {
  const { selector, realm, username, bound = 0 } = revocation
  switch (selector) {
    case 'access-token':
    case 'refresh-token':
      return selector === `${half}-token` && revocation.pairId === pairId
    case 'session':
      return revocation.sessionId === session.id
    case 'owner':
      return (
        (realm === undefined || realm === session.owner.realm) &&
        (username === undefined || username === session.owner.username) &&
        bound > session.id &&
        revocation.sparedSessionId !== session.id
      )
    default:
      return selector satisfies never
  }
}

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
