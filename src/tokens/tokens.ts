import { type AnswerLookups, answerLookups } from './answer-lookups.ts'
import { authenticate, type Credentials } from './authenticate.ts'
import type { Caller } from './caller.ts'
import type { ClientVerbs } from './client-verbs.ts'
import type { Revocation } from './coverage.ts'
import type { TokensDependencies } from './dependencies.ts'
import { type Introspection, introspect } from './introspect.ts'
import { type InvalidationAnswer, type InvalidationOptions, type InvalidationTarget, invalidate } from './invalidate.ts'
import { type IssueRequest, issue } from './issue.ts'
import type { GuardFeedEvent } from './live/guard-feed.ts'
import { createSubscriptions, type FeedEvent } from './live/subscriptions.ts'
import { createClientVerbs } from './manage-clients.ts'
import { assertLifetimes, type IssuedPair } from './pair.ts'
import { type RefreshAnswer, type RefreshTerms, refresh, refreshOnTerms, type TermsNotMet } from './refresh.ts'
import { findRevocation, listRevocations, type RevocationsRequest } from './revocations.ts'
import { findSession, listSessions, type SessionsRequest } from './sessions.ts'
import type { StoredSession } from './store.ts'

/**
 * All operations on tokens and clients. A token that is unknown, expired, spent or invalidated is an ordinary answer. A
 * thrown `TokenServiceError` means that the request was malformed (`ERR_BAD_INPUT`), that it was not allowed
 * (`ERR_UNAUTHENTICATED`, `ERR_FORBIDDEN`), or that the database did not answer (`ERR_STORAGE_UNAVAILABLE`, all
 * methods).
 */
export interface Tokens extends ClientVerbs {
  /**
   * The caller that presents these credentials: a client, or the owner of a valid access token.
   *
   * @throws TokenServiceError ERR_UNAUTHENTICATED: unknown, wrong, expired or invalidated, all with the same message
   */
  authenticate(credentials: Credentials): Promise<Caller>

  /**
   * Creates a session with its first pair. Needs the scope `create_token`. A caller whose client was disabled, deleted
   * or given another secret after it authenticated creates none (`ERR_UNAUTHENTICATED`).
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  issue(request: IssueRequest, caller: Caller): Promise<IssuedPair>

  /**
   * Spends a refresh token on a new pair. Having the token is enough; no other credentials are needed.
   *
   * A refresh token can be used once: of concurrent calls one spends it. Within the grace period the other calls get
   * the same pair, so that parallel tabs do not log the owner out. A reuse after that period means that the token was
   * copied: it is refused, and the whole session ends (RFC 9700 §4.14.2). The old access token stays valid until its
   * own expiry.
   *
   * @throws TokenServiceError ERR_BAD_INPUT
   */
  refresh(refreshToken: string): Promise<RefreshAnswer>

  /**
   * Spends a refresh token only if its grant meets these terms (RFC 6749 §6). Otherwise the token stays unspent, and a
   * caller that meets them can still use it.
   *
   * @throws TokenServiceError ERR_BAD_INPUT
   */
  refreshOnTerms(refreshToken: string, terms: RefreshTerms): Promise<RefreshAnswer | TermsNotMet>

  /**
   * Whether a token of either kind is valid now (RFC 7662). Needs the scope `introspect_token`.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  introspect(token: string, caller: Caller): Promise<Introspection>

  /**
   * Invalidates what `target` names and counts the halves that ended.
   *
   * Takes effect in the database before it answers. Repeating it is harmless: what was invalidated already is counted
   * in `previouslyInvalidated`. Any caller that presents a token may invalidate it, expired or not. To invalidate a
   * session, or the tokens of a named owner, the caller must be that owner or have `manage_token`.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   * @see Elasticsearch 8 "Invalidate token"; RFC 7009 §2.1
   */
  invalidate(target: InvalidationTarget, caller: Caller, options?: InvalidationOptions): Promise<InvalidationAnswer>

  /**
   * Sessions, the newest login first: the caller's own, or with `manage_token` any owner's.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  listSessions(request: SessionsRequest, caller: Caller): Promise<readonly StoredSession[]>

  /**
   * One session; undefined if the caller may not see it. Concurrent calls share one SQL statement.
   *
   * @throws TokenServiceError ERR_UNAUTHENTICATED
   */
  findSession(id: number, caller: Caller): Promise<StoredSession | undefined>

  /**
   * The log of revocations, the newest first: with `manage_token` all of them, otherwise those that name the caller.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  listRevocations(request: RevocationsRequest, caller: Caller): Promise<readonly Revocation[]>

  /** One revocation; undefined if the caller may not see it. */
  findRevocation(revision: number, caller: Caller): Promise<Revocation | undefined>

  /**
   * A stream of at most one revocation: the one that ends the caller's access token. The stream then closes. It closes
   * without a value if the token expires, or if `endStreams` is called. A revocation between authenticating and
   * watching is not missed.
   *
   * @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN: the caller is not the owner of a token
   */
  watchToken(caller: Caller): Promise<AsyncIterableIterator<Revocation>>

  /**
   * A stream of the log: from a cursor on, or from the oldest kept row, and then everything that is appended, for as
   * long as the caller reads. Needs `manage_token`.
   *
   * Each revocation comes once, in the order in which the revocations became visible. After a lost connection the
   * caller can continue from the cursor of any event, on this or any other process. The first event comes at once. A
   * reader may be arbitrarily slow. `counts` may be missing from revocations that were appended a moment ago. An
   * owner's stream ends when their token ends.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  followRevocations(after: string | undefined, caller: Caller): Promise<AsyncIterableIterator<FeedEvent>>

  /**
   * A stream of the log for a guard: first what can still cover a live access token, or what came after the cursor, then
   * everything that is appended, and a heartbeat each second. Needs `follow_revocations`.
   *
   * An event may come twice, and early: applying it again changes nothing. Guards of one process get the same objects.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  followForGuard(after: string | undefined, caller: Caller): Promise<AsyncIterableIterator<GuardFeedEvent>>

  /** Ends all streams of `watchToken`, `followRevocations` and `followForGuard`, and any that they answer from now on. For shutdown. */
  endStreams(): void

  /** For the schema alone, to complete an answer that its caller has already been given. */
  readonly [answerLookups]: AnswerLookups
}

/**
 * @throws TokenServiceError ERR_CONFIGURATION: a lifetime is out of range, or refresh tokens expire before access
 * tokens
 */
export function createTokens(dependencies: TokensDependencies): Tokens {
  assertLifetimes(dependencies.lifetimes)
  const { watchToken, followRevocations, followForGuard, endStreams } = createSubscriptions(dependencies)
  return {
    authenticate: (credentials) => authenticate(dependencies, credentials),
    issue: (request, caller) => issue(dependencies, request, caller),
    refresh: (refreshToken) => refresh(dependencies, refreshToken),
    refreshOnTerms: (refreshToken, terms) => refreshOnTerms(dependencies, refreshToken, terms),
    introspect: (token, caller) => introspect(dependencies, token, caller),
    invalidate: (target, caller, options = {}) => invalidate(dependencies, target, { options, caller }),
    listSessions: (request, caller) => listSessions(dependencies, request, caller),
    findSession: (id, caller) => findSession(dependencies, id, caller),
    listRevocations: (request, caller) => listRevocations(dependencies, request, caller),
    findRevocation: (revision, caller) => findRevocation(dependencies, revision, caller),
    ...createClientVerbs(dependencies),
    watchToken,
    followRevocations,
    followForGuard,
    endStreams,
    [answerLookups]: {
      session: ({ id }) => dependencies.store.findSession(id, dependencies.clock()),
      revocation: (revision) => dependencies.log.find(revision),
    },
  }
}
