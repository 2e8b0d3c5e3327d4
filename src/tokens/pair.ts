import { TokenServiceError } from './errors.ts'
import { slotOf, slotSeconds } from './retention.ts'
import type { Grant, NewHalf, Session, StoredPair, TokenStore } from './store.ts'
import { isSameDigest, type PairKey, type PairSecrets, type PresentedToken } from './token.ts'

/** The lifetimes of tokens, in whole seconds. */
export interface Lifetimes {
  /** 1 to 3,600; 1,200 by default, as in Elasticsearch. */
  readonly accessTokenSeconds: number
  /** 1 to 31,536,000 (365 days); 86,400 by default; not less than an access token's. */
  readonly refreshTokenSeconds: number
  /** How long repeating a refresh with a spent token still answers the same successor: 0 to 300, 30 by default. */
  readonly refreshGraceSeconds: number
}

/**
 * The ranges and defaults of the lifetimes, also for the settings of the service. An access token's must stay below
 * 24.8 days: `watchToken` waits for its expiry with `setTimeout`, which fires at once if it is given more than 2^31 - 1
 * ms.
 */
export const lifetimeRanges = {
  accessTokenSeconds: { min: 1, max: 3600, default: 1200 },
  refreshTokenSeconds: { min: 1, max: 31_536_000, default: 86_400 },
  refreshGraceSeconds: { min: 0, max: 300, default: 30 },
} as const satisfies Readonly<Record<keyof Lifetimes, Readonly<Record<'min' | 'max' | 'default', number>>>>

/**
 * Requires lifetimes in their ranges, and refresh tokens that live as long as access tokens or longer: the row of a
 * pair is kept until its refresh token expires. If the access token lived longer, retention would delete the row while
 * the access token is still valid.
 *
 * @throws TokenServiceError ERR_CONFIGURATION
 */
export function assertLifetimes(lifetimes: Lifetimes): void {
  const { accessTokenSeconds, refreshTokenSeconds, refreshGraceSeconds } = lifetimes
  assertInRange('accessTokenSeconds', accessTokenSeconds)
  assertInRange('refreshTokenSeconds', refreshTokenSeconds)
  assertInRange('refreshGraceSeconds', refreshGraceSeconds)
  if (refreshTokenSeconds >= accessTokenSeconds) return
  throw new TokenServiceError(
    'ERR_CONFIGURATION',
    `Expected refresh tokens to live as long as access tokens or longer, got ${refreshTokenSeconds} s and ${accessTokenSeconds} s.`,
  )
}

function assertInRange(name: keyof Lifetimes, seconds: number): void {
  const { min, max } = lifetimeRanges[name]
  if (Number.isInteger(seconds) && seconds >= min && seconds <= max) return
  throw new TokenServiceError(
    'ERR_CONFIGURATION',
    `Expected \`${name}\` to be a whole number from ${min} to ${max}, got ${seconds}.`,
  )
}

/** The tokens of a new pair, as a successful issue or refresh answers them. They are not stored. */
export interface IssuedPair {
  readonly accessToken: string
  /** Whole seconds until the access token expires. */
  readonly expiresInSeconds: number
  readonly refresh: { readonly token: string; readonly expiresAt: Date } | undefined
  readonly scopes: readonly string[]
  readonly session: Session
}

interface Halves {
  readonly access: NewHalf
  readonly refresh: NewHalf | undefined
}

/** Both halves of a new pair, as the store keeps them. */
export function newHalves(
  secrets: PairSecrets,
  issuedAt: Date,
  lifetimes: Lifetimes,
): { access: NewHalf; refresh: NewHalf } {
  const after = (seconds: number) => new Date(issuedAt.getTime() + seconds * 1000)
  return {
    access: { digest: secrets.accessDigest, expiresAt: after(lifetimes.accessTokenSeconds) },
    refresh: { digest: secrets.refreshDigest, expiresAt: after(lifetimes.refreshTokenSeconds) },
  }
}

/**
 * The slot of the retention ring for a pair: the slot of its later expiry, which is the refresh token's if it has one.
 */
export function slotFor(halves: Halves, lifetimes: Lifetimes): number {
  return slotOf((halves.refresh ?? halves.access).expiresAt, slotSeconds(lifetimes.refreshTokenSeconds))
}

/** Builds the token texts of a pair. This service has them in full only here, until they are answered to the caller. */
export function toIssuedPair(
  secrets: PairSecrets,
  pair: PairKey & Halves & Pick<IssuedPair, 'scopes' | 'session'>,
  now: Date,
): IssuedPair {
  const { access, refresh, scopes, session } = pair
  return {
    accessToken: secrets.accessToken(pair, access.expiresAt),
    expiresInSeconds: Math.max(0, Math.floor((access.expiresAt.getTime() - now.getTime()) / 1000)),
    refresh: refresh && { token: secrets.refreshToken(pair, refresh.expiresAt), expiresAt: refresh.expiresAt },
    scopes,
    session,
  }
}

/** The session that a pair belongs to. */
export function sessionOf(pair: Pick<StoredPair, 'sessionId'> & Grant): Session {
  return { id: pair.sessionId, owner: pair.owner }
}

/** The pair that a token belongs to, valid or not; undefined if the digest of the stored half is another. */
export async function findPresented(store: TokenStore, presented: PresentedToken): Promise<StoredPair | undefined> {
  const pair = await store.find(presented)
  const half = pair?.[presented.half]
  return half !== undefined && isSameDigest(half.digest, presented.digest) ? pair : undefined
}
