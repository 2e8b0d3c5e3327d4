import { slotOf, slotSeconds } from './retention.ts'
import type { Grant, NewHalf, Session, StoredPair } from './store.ts'
import type { PairKey, PairSecrets } from './token.ts'

/** How long things live, in whole seconds. */
export interface Lifetimes {
  /** 1 to 3,600; 1,200 by default, as in Elasticsearch. */
  readonly accessTokenSeconds: number
  /** 86,400 by default. */
  readonly refreshTokenSeconds: number
  /** How long a spent refresh token still answers with the same successor: 0 to 300, 30 by default. */
  readonly refreshGraceSeconds: number
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
  const width = slotSeconds(Math.max(lifetimes.accessTokenSeconds, lifetimes.refreshTokenSeconds))
  const last = Math.max(halves.access.expiresAt.getTime(), halves.refresh?.expiresAt.getTime() ?? 0)
  return slotOf(new Date(last), width)
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
