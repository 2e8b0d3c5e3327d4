import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { Owner, OwnerScope } from '../../src/tokens/owner.ts'
import type { InvalidationCounts } from '../../src/tokens/store.ts'

/** What the races end. */
export type RaceTarget = SingleHalf | WholeSession | Sweep

type SingleHalf = Extract<InvalidationTarget, { readonly kind: 'access-token' | 'refresh-token' }>

/** The login of this pair: named by an administrator, or gone with a token by whoever holds it, who is nobody. */
export interface WholeSession {
  readonly kind: 'session'
  readonly pair: HandedOut
  readonly by: 'id' | 'access' | 'refresh'
}

export interface Sweep {
  readonly kind: 'owner'
  readonly scope: OwnerScope
  /** The access token of the login that asks, and is to be kept. Without it an administrator asks. */
  readonly keeping?: string | undefined
  /** Only logins made before it. */
  readonly issuedBefore?: Date | undefined
}

/** A pair as it was handed out: its two halves, and the name of its session. */
export interface HandedOut {
  readonly access: string
  readonly refresh: string
  readonly session: string
}

/**
 * One process of a token service, as the referee sees it from outside.
 *
 * No verb throws for an answer, not even for a refusal; what is thrown counts as a fault, for nothing is broken here.
 */
export interface Contestant {
  /** Whoever logs in may sweep any owner, so that a login of any owner can be the one that is kept. */
  issue(owner: Owner): Promise<HandedOut>
  /** Undefined: refused. */
  refresh(refreshToken: string): Promise<HandedOut | undefined>
  /** Undefined: refused, since the login that asks is over. */
  invalidate(target: RaceTarget): Promise<InvalidationCounts | undefined>
  isActive(token: string): Promise<boolean>
}
