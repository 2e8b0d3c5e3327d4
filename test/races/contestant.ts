import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { InvalidationCounts } from '../../src/tokens/store.ts'

/** What the races end; a session has no contestant of its own beside an owner. */
export type RaceTarget = Exclude<InvalidationTarget, { readonly kind: 'session' }>

/** The two halves of a pair as they were handed out. */
export interface HandedOut {
  readonly access: string
  readonly refresh: string
}

/**
 * One process of a token service, as the referee sees it from outside.
 *
 * No verb throws for an answer, not even for a refusal; what is thrown counts as a fault, for nothing is broken here.
 */
export interface Contestant {
  issue(owner: Owner): Promise<HandedOut>
  /** Undefined: refused. */
  refresh(refreshToken: string): Promise<HandedOut | undefined>
  invalidate(target: RaceTarget): Promise<InvalidationCounts>
  isActive(token: string): Promise<boolean>
}
