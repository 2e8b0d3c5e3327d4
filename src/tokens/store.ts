import type { InvalidationCounts, ListableScope, SweepScope } from './coverage.ts'
import type { Owner } from './owner.ts'
import type { HalfReference, PairKey } from './token.ts'

/**
 * The storage port for tokens: one method for each atomic operation.
 *
 * Each method is one statement or one transaction, and its answer is exact whatever runs at the same time. The store,
 * and not a find followed by a write in this folder, guarantees that something happens once. All methods throw
 * `ERR_STORAGE_UNAVAILABLE` when the database does not answer; the outcome is then unknown, and repeating the call is
 * safe.
 */
export interface TokenStore {
  /**
   * Adds the first pair of a new session and answers its id, which is also the id of the session. Undefined, and
   * nothing is added, if the caller's client was disabled, deleted or given another secret after the caller
   * authenticated.
   */
  issue(pair: NewPair): Promise<number | undefined>

  /** Spends a refresh token on `successor`, or answers why not. Of concurrent calls exactly one spends it. */
  refresh(spending: Spending): Promise<SpendingAnswer>

  /** The pair with this key. The caller must compare digests to find out whether a token is one of its halves. */
  find(key: PairKey): Promise<StoredPair | undefined>

  /** Invalidates one half and answers `newly` (to exactly one of concurrent calls), `previously`, or `unknown`. */
  invalidateHalf(reference: HalfReference, by: Attribution): Promise<HalfInvalidation>

  /** Invalidates all sessions in a scope that began before now, with one row for any number of tokens. */
  invalidateScope(scope: InvalidationScope, by: Attribution): Promise<ScopeInvalidation>

  /** What `invalidateScope` would answer now. Changes nothing. */
  countScope(scope: InvalidationScope, at: Date): Promise<InvalidationCounts>

  /** The session as it is now; undefined once the last of its pairs was deleted. */
  findSession(id: number, at: Date): Promise<StoredSession | undefined>

  /** Sessions, the newest login first. */
  listSessions(query: SessionsQuery): Promise<readonly StoredSession[]>
}

/** Who made a revocation, when and why, for the log. `at` decides only which halves had expired by then. */
export interface Attribution {
  readonly at: Date
  readonly caller: string
  readonly reason?: string | undefined
  readonly comment?: string | undefined
}

/** `revision` is the revision of the row in the log. */
export type HalfInvalidation =
  | { readonly outcome: 'newly'; readonly revision: number }
  | { readonly outcome: 'previously' | 'unknown' }

/** What one revocation ends: a session, or all sessions in a scope. */
export type InvalidationScope =
  | { readonly kind: 'session'; readonly session: Session }
  | {
      readonly kind: 'sweep'
      readonly scope: SweepScope
      /** Only sessions that began before this time; all if left out. */
      readonly issuedBefore?: Date | undefined
      readonly sparedSessionId?: number | undefined
    }

/** `revision` is undefined if there was nothing to invalidate, and so nothing was appended to the log. */
export interface ScopeInvalidation extends InvalidationCounts {
  readonly revision: number | undefined
}

export interface Session {
  readonly id: number
  readonly owner: Owner
}

/** The device that logged in, as the login service described it. */
export interface Device {
  readonly label: string | undefined
  readonly userAgent: string | undefined
  readonly ipAddress: string | undefined
}

/** A session with what the store derives from its pairs. */
export interface StoredSession extends Session {
  readonly clientId: string
  readonly device: Device
  readonly startedAt: Date
  readonly lastRefreshedAt: Date | undefined
  /** When it ends unless it is refreshed before then. */
  readonly expiresAt: Date
  /** Whether any of its tokens is still valid. */
  readonly isLive: boolean
  /** The revision of the revocation that ended the whole session. */
  readonly endedBy: number | undefined
}

/** Which page of which sessions. */
export interface SessionsQuery {
  readonly scope: ListableScope
  /** Also sessions without any valid token. */
  readonly includeEnded: boolean
  /** Only sessions older than the one with this id. */
  readonly before: number | undefined
  readonly limit: number
  readonly at: Date
}

/** What was granted at the login: the same for all pairs of a session. */
export interface Grant {
  readonly owner: Owner
  readonly clientId: string
  readonly scopes: readonly string[]
}

/** The client that is responsible for what a caller asks for, and how recent the caller's credentials are. */
export interface Authority {
  readonly clientId: string
  /** A change of the client after this revision makes the credentials outdated. Undefined: not known. */
  readonly credentialRevision: number | undefined
}

/** What the store keeps of one half of a new pair: never the token itself. */
export interface NewHalf {
  readonly digest: Uint8Array
  readonly expiresAt: Date
}

export interface NewPair extends Grant, Authority {
  readonly slot: number
  readonly issuedAt: Date
  readonly device: Device
  readonly access: NewHalf
  readonly refresh: NewHalf | undefined
}

/** One attempt to spend a refresh token. */
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

/** How a refresh token was spent: enough to derive the same successor again. */
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
  /** Set once the refresh token has been spent. */
  readonly spent: Spent | undefined
}

export interface StoredHalf extends NewHalf {
  /** Whether a revocation covers it: of the half itself, of its session, or of its owner. */
  readonly isInvalidated: boolean
  /**
   * Whether a revocation has counted it as ended. A pair that had no valid half when it was covered was not counted.
   */
  readonly isEnded: boolean
}

/** `refreshed` is the answer to the one call that spent the token. */
export type SpendingAnswer =
  | { readonly outcome: 'unknown' | 'expired' | 'invalidated' }
  | { readonly outcome: 'refreshed'; readonly pair: StoredPair; readonly successorId: number }
  | { readonly outcome: 'spent-before'; readonly pair: StoredPair; readonly spent: Spent }
