import { authenticate, type Credentials } from './authenticate.ts'
import type { Caller } from './caller.ts'
import type { TokensDependencies } from './dependencies.ts'
import { type Introspection, introspect } from './introspect.ts'
import { type InvalidationAnswer, type InvalidationTarget, invalidate } from './invalidate.ts'
import { type IssueRequest, issue } from './issue.ts'
import { assertLifetimes, type IssuedPair } from './pair.ts'
import { type RefreshAnswer, refresh } from './refresh.ts'

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
   * Whether a token of either kind is good now (RFC 7662). Needs the scope `introspect_token`.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   */
  introspect(token: string, caller: Caller): Promise<Introspection>

  /**
   * Ends what `target` names and counts the halves that ended.
   *
   * Takes effect in the database before it answers. Repeating it is harmless: what was invalid already is counted in
   * `previouslyInvalidated`. Whoever holds a token may end it, expired or not; ending tokens by their owner's name
   * needs to be that owner or to have `manage_token`.
   *
   * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
   * @see Elasticsearch 8 "Invalidate token"; RFC 7009 §2.1
   */
  invalidate(target: InvalidationTarget, caller: Caller): Promise<InvalidationAnswer>
}

/** @throws TokenServiceError ERR_CONFIGURATION: lifetimes that contradict each other */
export function createTokens(dependencies: TokensDependencies): Tokens {
  assertLifetimes(dependencies.lifetimes)
  return {
    authenticate: (credentials) => authenticate(dependencies, credentials),
    issue: (request, caller) => issue(dependencies, request, caller),
    refresh: (refreshToken) => refresh(dependencies, refreshToken),
    introspect: (token, caller) => introspect(dependencies, token, caller),
    invalidate: (target, caller) => invalidate(dependencies, target, caller),
  }
}
