import { authenticate, type Credentials } from './authenticate.ts'
import type { Caller } from './caller.ts'
import type { TokensDependencies } from './dependencies.ts'
import { type Introspection, introspect } from './introspect.ts'
import { type InvalidationAnswer, type InvalidationOptions, type InvalidationTarget, invalidate } from './invalidate.ts'
import { type IssueRequest, issue } from './issue.ts'
import { createSubscriptions, type FeedEvent } from './live/subscriptions.ts'
import { assertLifetimes, type IssuedPair } from './pair.ts'
import { type RefreshAnswer, type RefreshTerms, refresh, refreshOnTerms, type TermsNotMet } from './refresh.ts'
import type { Revocation } from './revocation.ts'
import { findRevocation, listRevocations, type RevocationsRequest } from './revocations.ts'
import { findSession, listSessions, type SessionsRequest } from './sessions.ts'
import type { Session, StoredSession } from './store.ts'

/**
 * The verbs. What is unknown, expired, spent or invalid is an answer; a thrown `TokenServiceError` says that the
 * request was malformed (`ERR_BAD_INPUT`), not allowed (`ERR_UNAUTHENTICATED`, `ERR_FORBIDDEN`), or that the database
 * did not answer (`ERR_STORAGE_UNAVAILABLE`, all verbs).
 */
export interface Tokens {
  /**
   * Who presents these credentials: a client, or the owner of a live access token.
   *
   * @throws TokenServiceError ERR_UNAUTHENTICATED: unknown, wrong, expired or invalidated, all in the same words
   */
  authenticate(credentials: Credentials): Promise<Caller>

  /**
   * A new session with its first pair. Needs the scope `create_token`.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  issue(request: IssueRequest, caller: Caller): Promise<IssuedPair>

  /**
   * Spends a refresh token on a new pair; whoever holds it may.
   *
   * Single use: of any number of callers one buys, and within the grace window the others are handed the very same
   * pair (parallel tabs must not log anybody out). After the window a reuse means that the token was copied: it is
   * refused, and the whole session ends (RFC 9700 §4.14.2). The old access token lives on to its own expiry.
   *
   * @throws TokenServiceError ERR_BAD_INPUT
   */
  refresh(refreshToken: string): Promise<RefreshAnswer>

  /**
   * Spends a refresh token only if it was granted on these terms (RFC 6749 §6): otherwise it stays as it is, for whoever
   * may spend it.
   *
   * @throws TokenServiceError ERR_BAD_INPUT
   */
  refreshOnTerms(refreshToken: string, terms: RefreshTerms): Promise<RefreshAnswer | TermsNotMet>

  /**
   * Whether a token of either kind is good now (RFC 7662). Needs the scope `introspect_token`.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  introspect(token: string, caller: Caller): Promise<Introspection>

  /**
   * Ends what `target` names and counts the halves that ended.
   *
   * Takes effect in the database before it answers. Repeating it is harmless: what was invalid already is counted in
   * `previouslyInvalidated`. Whoever holds a token may end it, expired or not; ending a session, or tokens by their
   * owner's name, needs to be that owner or to have `manage_token`.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   * @see Elasticsearch 8 "Invalidate token"; RFC 7009 §2.1
   */
  invalidate(target: InvalidationTarget, caller: Caller, options?: InvalidationOptions): Promise<InvalidationAnswer>

  /**
   * Sessions, the newest login first: the caller's own, or with `manage_token` anybody's.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  listSessions(request: SessionsRequest, caller: Caller): Promise<readonly StoredSession[]>

  /**
   * One session; undefined if the caller may not see it. Those asked for at the same time share a statement.
   *
   * @throws TokenServiceError ERR_UNAUTHENTICATED
   */
  findSession(id: number, caller: Caller): Promise<StoredSession | undefined>

  /**
   * The record of invalidations, the newest first: with `manage_token` all, otherwise those of the caller's own name.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  listRevocations(request: RevocationsRequest, caller: Caller): Promise<readonly Revocation[]>

  /** One entry of the record; undefined if the caller may not see it. */
  findRevocation(revision: number, caller: Caller): Promise<Revocation | undefined>

  /** What a session that the caller may see says of itself: its devices and times. Undefined once it was let go. */
  describe(session: Session): Promise<StoredSession | undefined>

  /**
   * The one revocation that ends the caller's access token, when it comes, and then no more; nothing if the token
   * expires by itself, or `endStreams` is called. Nothing is missed between authenticating and watching.
   *
   * @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN: the caller is not the owner of a token
   */
  watchToken(caller: Caller): Promise<AsyncIterableIterator<Revocation>>

  /**
   * The log from a cursor on, or from the beginning of what is kept, and then whatever is appended, for as long as the
   * caller reads. Needs `manage_token`.
   *
   * Each revocation comes once, in the order in which they came to sight. The cursor of any event is good for going on
   * from there after a cut, here or on any other process. The first event comes at once. A reader may be as slow as it
   * likes. `counts` may be missing from what was appended a moment ago. An owner's stream ends with their token.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  followRevocations(after: string | undefined, caller: Caller): Promise<AsyncIterableIterator<FeedEvent>>

  /** Ends all that `watchToken` and `followRevocations` have answered, and what they answer from now on: for stopping. */
  endStreams(): void

  /** The entry that ended a session that the caller may see, or that the caller has just made. */
  revocation(revision: number): Promise<Revocation | undefined>
}

/** @throws TokenServiceError ERR_CONFIGURATION: lifetimes that contradict each other */
export function createTokens(dependencies: TokensDependencies): Tokens {
  assertLifetimes(dependencies.lifetimes)
  const { watchToken, followRevocations, endStreams } = createSubscriptions(dependencies)
  return {
    authenticate: (credentials) => authenticate(dependencies, credentials),
    issue: (request, caller) => issue(dependencies, request, caller),
    refresh: (refreshToken) => refresh(dependencies, refreshToken),
    refreshOnTerms: (refreshToken, terms) => refreshOnTerms(dependencies, refreshToken, terms),
    introspect: (token, caller) => introspect(dependencies, token, caller),
    invalidate: (target, caller, options = {}) => invalidate(dependencies, target, options, caller),
    listSessions: (request, caller) => listSessions(dependencies, request, caller),
    findSession: (id, caller) => findSession(dependencies, id, caller),
    listRevocations: (request, caller) => listRevocations(dependencies, request, caller),
    findRevocation: (revision, caller) => findRevocation(dependencies, revision, caller),
    describe: ({ id }) => dependencies.store.findSession(id, dependencies.clock()),
    revocation: (revision) => dependencies.log.find(revision),
    watchToken,
    followRevocations,
    endStreams,
  }
}
