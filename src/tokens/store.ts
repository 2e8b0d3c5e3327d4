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
  invalidateHalf(reference: HalfReference, by: Attribution): Promise<HalfInvalidation>

  /** Ends all logins in a scope made before now: one row, whatever the number of tokens. */
  invalidateScope(scope: InvalidationScope, by: Attribution): Promise<ScopeInvalidation>

  /** What `invalidateScope` would answer now. Changes nothing. */
  countScope(scope: InvalidationScope, at: Date): Promise<InvalidationCounts>

  /** The session as it is now; undefined once the last of its pairs was let go. */
  findSession(id: number, at: Date): Promise<StoredSession | undefined>

  /** Sessions, the newest login first. */
  listSessions(page: SessionPage): Promise<readonly StoredSession[]>
}

/** Who did it, when and why, for the log. `at` decides only which halves had expired by then. */
export interface Attribution {
  readonly at: Date
  readonly caller: string
  readonly reason?: string | undefined
  readonly comment?: string | undefined
}

/** Counts of halves: a pair is two. */
export interface InvalidationCounts {
  readonly invalidated: number
  readonly previouslyInvalidated: number
}

/** `revision` is that of the row in the log. */
export type HalfInvalidation =
  | { readonly outcome: 'newly'; readonly revision: number }
  | { readonly outcome: 'previously' | 'unknown' }

/** A whole login, or all logins of an owner. */
export type InvalidationScope =
  | { readonly kind: 'session'; readonly session: Session }
  | {
      readonly kind: 'owner'
      readonly scope: OwnerScope
      /** Only logins made before it; all if left out. */
      readonly issuedBefore?: Date | undefined
      readonly sparedSessionId?: number | undefined
    }

/** Without a revision nothing was there to end, and nothing was appended. */
export interface ScopeInvalidation extends InvalidationCounts {
  readonly revision: number | undefined
}

export interface Session {
  readonly id: number
  readonly owner: Owner
}

/** What the login service said of the device that logs in. */
export interface Device {
  readonly label: string | undefined
  readonly userAgent: string | undefined
  readonly ipAddress: string | undefined
}

/** A session with all that its pairs say of it. */
export interface StoredSession extends Session {
  readonly clientId: string
  readonly device: Device
  readonly startedAt: Date
  readonly lastRefreshedAt: Date | undefined
  /** When it ends unless it is refreshed before. */
  readonly expiresAt: Date
  /** Whether a token of it is of any use. */
  readonly isLive: boolean
  /** The revision that ended it as a whole. */
  readonly endedBy: number | undefined
}

export interface SessionPage {
  readonly scope: OwnerScope
  /** Also those of which no token is of any use any more. */
  readonly includeEnded: boolean
  /** Only sessions older than this one. */
  readonly before: number | undefined
  readonly limit: number
  readonly at: Date
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
  readonly device: Device
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
  /** For the account: whether it was counted as ended. A pair that was dead when it was covered was not. */
  readonly isEnded: boolean
}

/** `refreshed` is the answer of the one caller that spent the token just now. */
export type SpendingAnswer =
  | { readonly outcome: 'unknown' | 'expired' | 'invalidated' }
  | { readonly outcome: 'refreshed'; readonly pair: StoredPair; readonly successorId: number }
  | { readonly outcome: 'spent-before'; readonly pair: StoredPair; readonly spent: Spent }
