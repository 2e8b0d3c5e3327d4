import { TokenServiceError } from './errors.ts'
import { slotOf, slotSeconds } from './retention.ts'
import type { Grant, NewHalf, Session, StoredPair, TokenStore } from './store.ts'
import { isSameDigest, type PairKey, type PairSecrets, type PresentedToken } from './token.ts'

/** How long things live, in whole seconds. */
export interface Lifetimes {
  /** 1 to 3,600; 1,200 by default, as in Elasticsearch. */
  readonly accessTokenSeconds: number
  /** 86,400 by default; not less than an access token's. */
  readonly refreshTokenSeconds: number
  /** How long a spent refresh token still answers with the same successor: 0 to 300, 30 by default. */
  readonly refreshGraceSeconds: number
}

/**
 * A pair ends with its refresh token; were its access token to live longer, its row would leave too early.
 *
 * @throws TokenServiceError ERR_CONFIGURATION
 */
export function assertLifetimes({ accessTokenSeconds, refreshTokenSeconds }: Lifetimes): void {
  if (refreshTokenSeconds >= accessTokenSeconds) return
  throw new TokenServiceError(
    'ERR_CONFIGURATION',
    `Expected refresh tokens to live as long as access tokens or longer, got ${refreshTokenSeconds} s and ${accessTokenSeconds} s.`,
  )
}

/** What a successful issue or refresh hands out, once. */
export interface IssuedPair {
  readonly accessToken: string
  /** Whole seconds that the access token still lives. */
  readonly expiresInSeconds: number
  readonly refresh: { readonly token: string; readonly expiresAt: Date } | undefined
  readonly scopes: readonly string[]
  readonly session: Session
}

interface Halves {
  readonly access: NewHalf
  readonly refresh: NewHalf | undefined
}

/** Both halves of a new pair as they will be stored. */
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

/** The slot of the retention ring for a pair: that of its last expiry. */
export function slotFor(halves: Halves, lifetimes: Lifetimes): number {
  return slotOf((halves.refresh ?? halves.access).expiresAt, slotSeconds(lifetimes.refreshTokenSeconds))
}

/** The tokens themselves: the only moment in which they exist on our side. */
export function handOut(
  secrets: PairSecrets,
  pair: PairKey & Halves,
  to: Pick<IssuedPair, 'scopes' | 'session'>,
  now: Date,
): IssuedPair {
  const { access, refresh } = pair
  return {
    accessToken: secrets.accessToken(pair, access.expiresAt),
    expiresInSeconds: Math.max(0, Math.floor((access.expiresAt.getTime() - now.getTime()) / 1000)),
    refresh: refresh && { token: secrets.refreshToken(pair, refresh.expiresAt), expiresAt: refresh.expiresAt },
    scopes: to.scopes,
    session: to.session,
  }
}

export function sessionOf(pair: Pick<StoredPair, 'sessionId'> & Grant): Session {
  return { id: pair.sessionId, owner: pair.owner }
}

/** The pair that a token is half of, alive or not; undefined for a token that leads to somebody else's pair. */
export async function findPresented(store: TokenStore, presented: PresentedToken): Promise<StoredPair | undefined> {
  const pair = await store.find(presented)
  const half = pair?.[presented.half]
  return half !== undefined && isSameDigest(half.digest, presented.digest) ? pair : undefined
}
