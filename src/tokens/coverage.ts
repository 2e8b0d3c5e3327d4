import type { Owner, OwnerScope } from './owner.ts'
import type { Half } from './token.ts'

/**
 * The fact of a revocation, and which tokens it ends. Imports types only and knows nothing of callers, so that it can
 * be used wherever revocations are followed.
 */

/** Which sessions a sweep ends: those of owners, those that one client created, or all. */
export type SweepScope =
  | OwnerScope
  | { readonly kind: 'client'; readonly clientId: string }
  | { readonly kind: 'everything' }

/** Scopes whose sessions and revocations can be listed. */
export type ListableScope = Exclude<SweepScope, { readonly kind: 'everything' }>

/** Counts of halves: a pair counts as two. */
export interface InvalidationCounts {
  readonly invalidated: number
  readonly previouslyInvalidated: number
}

export const nothingInvalidated: InvalidationCounts = { invalidated: 0, previouslyInvalidated: 0 }

/** The recorded fact of one invalidation: a row of the log. */
export interface Revocation {
  readonly revision: number
  readonly selector: 'access-token' | 'refresh-token' | 'session' | 'owner' | 'client' | 'everything'
  /** The pair of the half that it ended. Undefined for all but a single token. */
  readonly pairId: number | undefined
  /** The session that it ended, or of whose pairs it ended a half. */
  readonly sessionId: number | undefined
  /** Undefined for a username in every realm, a client, and everything. */
  readonly realm: string | undefined
  /** Undefined for all of a realm, a client, and everything. */
  readonly username: string | undefined
  /** The client whose sessions it ended. */
  readonly clientId: string | undefined
  /** Sessions with an id below it are covered. Undefined for a single token. */
  readonly bound: number | undefined
  readonly sparedSessionId: number | undefined
  readonly at: Date
  readonly caller: string
  readonly reason: string | undefined
  readonly comment: string | undefined
  /** Undefined between the commit and the end of the count. */
  readonly counts: InvalidationCounts | undefined
}

/** What decides whether a revocation ends a token. */
export interface RevocableToken {
  readonly half: Half
  readonly pairId: number
  readonly session: { readonly id: number; readonly owner: Owner }
  /** The client that created the session. */
  readonly clientId: string
}

/**
 * Whether a revocation ends a token: it names the token or its session, or it covers the session by its owner, its
 * client or as one of all, and the login was made before it.
 *
 * Restates the rule of the view `token_pair_states` for code without a database. `test/engines/rule.test.ts` compares
 * the two.
 */
export function covers(revocation: Revocation, { half, pairId, session, clientId }: RevocableToken): boolean {
  const { selector, bound = 0 } = revocation
  const isInBound = bound > session.id && revocation.sparedSessionId !== session.id
  switch (selector) {
    case 'access-token':
    case 'refresh-token':
      return selector === `${half}-token` && revocation.pairId === pairId
    case 'session':
      return revocation.sessionId === session.id
    case 'owner':
      return isInBound && isNamed(revocation, session.owner)
    case 'client':
      return isInBound && revocation.clientId === clientId
    case 'everything':
      return isInBound
    default:
      return selector satisfies never
  }
}

function isNamed({ realm, username }: Revocation, owner: Owner): boolean {
  return (realm === undefined || realm === owner.realm) && (username === undefined || username === owner.username)
}
