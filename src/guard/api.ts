import type { GuardEvent, GuardState } from './events.ts'
import type { KnownToken } from './known-token.ts'
import type { GuardSource } from './source.ts'

export interface GuardOptions {
  /** Where it learns what was revoked: `fromService`, or `fromTokens` in the process of the service. */
  readonly source: GuardSource
  /** How old its knowledge may be, in ms: 3,000 to 60,000. By default 5,000, so that three heartbeats may be lost. */
  readonly maxStalenessMs?: number
  /**
   * What a check answers while the guard does not know enough. `refuse` (default): 503. `ask`: asks the service about each
   * token. `pass`: decides by what it knows, for `passForMs`, and only if it once knew everything; then it refuses. What is
   * known to be invalid is refused with 401 in each case.
   */
  readonly whenStale?: 'refuse' | 'ask' | 'pass'
  /** For how long `pass` lets tokens through: 60,000 by default. */
  readonly passForMs?: number
  /** How many known tokens are remembered, at some 320 bytes each: 100,000 by default. */
  readonly knownTokens?: number
  /** How many tokens the service is asked about at once (64), and how many wait (1,024). Beyond it is 503. */
  readonly asking?: { readonly atOnce?: number; readonly waiting?: number }
  /** Told of changes of the state and of faults. It is never given a token, a secret or the name of an owner. */
  readonly onEvent?: (event: GuardEvent) => void
}

/** Decides in this process whether an access token is valid. */
export interface Guard {
  /**
   * Whether an access token is valid. Await it: a known token is answered at once, without a promise and without I/O.
   *
   * @example
   * const verdict = await guard.check(token)
   * if (verdict.outcome === 'valid') serve(verdict.token.username)
   */
  check(token: string): Verdict | Promise<Verdict>
  /**
   * The same for a token that this guard has found valid before: for connections that outlast a request, so that they
   * need not keep the token itself.
   *
   * @throws TypeError: the token is not an object that this guard has answered
   */
  recheck(token: KnownToken): Verdict
  /** The same for claims of our own signed tokens that the caller has verified already. Never asks anybody. */
  checkClaims(claims: VerifiedClaims): Verdict
  /**
   * The same for the header `Authorization`, with what to answer: for servers without GraphQL. A request without an access
   * token is admitted without one.
   */
  admit(authorization: string | null | undefined): Admission | Promise<Admission>
  /**
   * Calls back once, when a token that this guard has found valid is no longer good. Answers the function that stops it.
   *
   * @throws TypeError: the token is not an object that this guard has answered
   */
  watch(token: KnownToken, onEnd: (reason: TokenEnd) => void): () => void
  /**
   * Resolves when the guard knows everything.
   *
   * @throws Error: it is closed, or the time is over
   */
  ready(options?: { readonly withinMs?: number }): Promise<void>
  /** A new object with each reading. */
  readonly status: GuardStatus
  /** Ends the connection and everything that was watched. From now on every check answers 503. */
  close(): Promise<void>
}

export type Verdict = ValidVerdict | InvalidVerdict | UnsureVerdict

export interface ValidVerdict {
  readonly outcome: 'valid'
  readonly token: KnownToken
}

/** One answer for unknown, expired, invalidated and malformed tokens: it tells an attacker nothing. */
export interface InvalidVerdict {
  readonly outcome: 'invalid'
}

/** The guard does not know. This is never the caller's fault, so it is 503 and never 401. */
export interface UnsureVerdict {
  readonly outcome: 'unsure'
  readonly code: 'REVOCATION_STATE_STALE' | 'SERVICE_UNAVAILABLE'
  readonly retryAfterSeconds: number
}

/** Claims of a signed access token (RFC 9068) of our service, whose signature, issuer and audience were verified. */
export interface VerifiedClaims {
  /** The number of the pair: what a revocation of this token names. */
  readonly jti?: unknown
  /** The session. */
  readonly sid?: unknown
  /** `realm/username`; a slash in the realm is `%2F`, and a percent sign `%25`. */
  readonly sub?: unknown
  readonly client_id?: unknown
  readonly scope?: unknown
  readonly iat?: unknown
  readonly exp?: unknown
}

/** Why a token is no longer good. */
export type TokenEnd = 'invalidated' | 'expired' | 'stale' | 'reset' | 'closed'

export type Admission =
  /** `token` is undefined if none was sent. */
  { readonly ok: true; readonly token: KnownToken | undefined } | Refusal

/** What to answer to a request that is refused. */
export interface Refusal {
  readonly ok: false
  readonly status: 401 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: GraphQLErrorBody
}

export interface GraphQLErrorBody {
  readonly errors: readonly [{ readonly message: string; readonly extensions: { readonly code: string } }]
}

export interface GuardStatus {
  readonly state: GuardState
  /** How long ago everything was known, in ms. Infinite before the first time. */
  readonly stalenessMs: number
  /** Names the history of the database that it follows. */
  readonly epoch: string | undefined
  /** What is remembered, by what was revoked. */
  readonly entries: { readonly tokens: number; readonly sessions: number; readonly owners: number }
  /** Of the ids of tokens and sessions. */
  readonly bytes: number
  readonly knownTokens: number
  /** Tokens that are watched, as each stream does with its own. */
  readonly watchedTokens: number
  /** Questions to the service that are under way. */
  readonly asking: number
  /** Since the start. */
  readonly counts: GuardCounts
}

export interface GuardCounts {
  readonly valid: number
  readonly invalid: number
  readonly unsure: number
  /** Tokens that were seen for the first time, or again after they were forgotten. */
  readonly firstSights: number
  /** With `whenStale: 'pass'`: tokens that were let through while stale. */
  readonly passedWhileStale: number
  /** Tokens whose watchers were told of their end. */
  readonly ended: number
}
