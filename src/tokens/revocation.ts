import { type Caller, callerLabel, hasScope, ownerLabel } from './caller.ts'
import type { InvalidationCounts } from './store.ts'
import type { Half } from './token.ts'

/**
 * Why tokens were ended, in the words of OpenID: the events of CAEP 1.0 (`session-revoked`, `credential-change`, …) and
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

/** Who set it off (CAEP 1.0 §2, `initiating_entity`). */
export type InitiatingEntity = 'admin' | 'user' | 'policy' | 'system'

/** The recorded fact of one invalidation: a row of the log. */
export interface Revocation {
  readonly revision: number
  readonly selector: 'access-token' | 'refresh-token' | 'session' | 'owner'
  /** The pair whose half it ended. */
  readonly pairId: number | undefined
  /** The session that it ended, or one of whose tokens. */
  readonly sessionId: number | undefined
  /** Undefined for a username in every realm. */
  readonly realm: string | undefined
  /** Undefined for everybody in a realm. */
  readonly username: string | undefined
  /** Sessions with an id below it are covered; undefined for a single token. */
  readonly bound: number | undefined
  readonly sparedSessionId: number | undefined
  readonly at: Date
  readonly caller: string
  readonly reason: string | undefined
  readonly comment: string | undefined
  /** Undefined for the moment between the commit and the count. */
  readonly counts: InvalidationCounts | undefined
}

/** What must be known of a token to tell whether a revocation ends it. */
export interface RevocableToken {
  readonly half: Half
  readonly pairId: number
  readonly session: { readonly id: number; readonly owner: { readonly realm: string; readonly username: string } }
}

/**
 * Whether a revocation ends a token: it names the token, or its session, or the token's owner and the login was made
 * before. The one rule, as the view `token_pair_states` has it for SQL.
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

/** Marks what this service does by itself. */
export const systemCaller = 'system:refresh-token-reuse'

/** Whoever holds a token or is its owner is its user; whoever ends the tokens of others administers. */
export function initiatingEntity({ caller, realm, username }: Revocation): InitiatingEntity {
  if (caller === systemCaller) return 'system'
  const isOwn = realm !== undefined && username !== undefined && caller === ownerLabel({ realm, username })
  return caller === 'anonymous' || isOwn ? 'user' : 'admin'
}

/** Whether a caller may read who made a revocation and what was noted: an administrator may, and who made it. */
export function mayReadDetails(revocation: Revocation, caller: Caller): boolean {
  return hasScope(caller, 'manage_token') || revocation.caller === callerLabel(caller)
}

/** How many a revocation ended in a whole realm, or by a name in all realms, says something of others than its reader. */
export function mayReadCounts(revocation: Revocation, caller: Caller): boolean {
  const isOfOneOwner = revocation.realm !== undefined && revocation.username !== undefined
  return isOfOneOwner || mayReadDetails(revocation, caller)
}
