import type { Owner, OwnerScope } from './owner.ts'
import type { HalfReference, PairKey } from './token.ts'

/**
 * The ground as the mind sees it: atomic verbs, not rows.
 *
 * Each verb is one statement or one transaction, and each answer is exact whatever runs beside it: that something
 * happens once is the store's promise, never a find-then-write up here. All verbs throw `ERR_STORAGE_UNAVAILABLE` when
 * the database does not answer; the outcome is then unknown, and repeating the verb is safe.
 */
export interface TokenStore {
  /** Appends the first pair of a new session and answers its id, which is also the session's. */
  issue(pair: NewPair): Promise<number>

  /** Spends a refresh token on `successor`, or says why not. Of any number of callers exactly one spends it. */
  refresh(spending: Spending): Promise<SpendingAnswer>

  /** The pair at this place. Whether a token is one of its halves is for the digests to say. */
  find(key: PairKey): Promise<StoredPair | undefined>

  /** Ends one half: newly (of any number of callers exactly one), previously, or nothing was found. */
  invalidateHalf(reference: HalfReference, by: Attribution): Promise<'newly' | 'previously' | 'unknown'>

  /** Ends a whole login. */
  invalidateSession(session: Session, by: Attribution): Promise<InvalidationCounts>

  /** Ends all logins in a scope made before now: one row, whatever the number of tokens. */
  invalidateOwner(scope: OwnerScope, by: Attribution): Promise<InvalidationCounts>
}

/** Who did it and when, for the log. `at` decides only which halves had expired by then. */
export interface Attribution {
  readonly at: Date
  readonly caller: string
}

/** Counts of halves: a pair is two. */
export interface InvalidationCounts {
  readonly invalidated: number
  readonly previouslyInvalidated: number
}

export interface Session {
  readonly id: number
  readonly owner: Owner
}

/** What a pair says of its owner, the same for all pairs of a session. */
export interface Grant {
  readonly owner: Owner
  readonly clientId: string
  readonly scopes: readonly string[]
}

/** The half of a new pair that is stored: never the token. */
export interface NewHalf {
  readonly digest: Uint8Array
  readonly expiresAt: Date
}

export interface NewPair extends Grant {
  readonly slot: number
  readonly issuedAt: Date
  readonly access: NewHalf
  readonly refresh: NewHalf | undefined
}

export interface Spending {
  readonly presented: HalfReference
  readonly at: Date
  readonly salt: Uint8Array
  readonly successor: {
    readonly slot: number
    readonly access: NewHalf
    readonly refresh: NewHalf
  }
}

export interface Spent {
  readonly successor: PairKey
  readonly salt: Uint8Array
  readonly at: Date
}

export interface StoredPair extends PairKey, Grant {
  readonly sessionId: number
  readonly issuedAt: Date
  readonly access: StoredHalf
  readonly refresh: StoredHalf | undefined
  /** Set once the refresh token was spent. */
  readonly spent: Spent | undefined
}

export interface StoredHalf extends NewHalf {
  /** The one rule's answer: it has its own revocation, or its session's or owner's covers it. */
  readonly isInvalidated: boolean
}

/** `refreshed` is the answer of the one caller that spent the token just now. */
export type SpendingAnswer =
  | { readonly outcome: 'unknown' | 'expired' | 'invalidated' }
  | { readonly outcome: 'refreshed'; readonly pair: StoredPair; readonly successorId: number }
  | { readonly outcome: 'spent-before'; readonly pair: StoredPair; readonly spent: Spent }
