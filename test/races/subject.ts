import type { InvalidationCounts, SweepScope } from '../../src/tokens/coverage.ts'
import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { Owner } from '../../src/tokens/owner.ts'

/** What an invalidation in the races ends. */
export type RaceTarget = HalfTarget | SessionSweep | Sweep

type HalfTarget = Extract<InvalidationTarget, { readonly kind: 'access-token' | 'refresh-token' }>

/**
 * Ends the session of this pair: named by its id by an administrator, or by one of its tokens by a caller who sends no
 * credentials.
 */
export interface SessionSweep {
  readonly kind: 'session'
  readonly pair: IssuedPair
  readonly by: 'id' | 'access' | 'refresh'
}

/** Who logs in, and by which client. */
export interface Login extends Owner {
  readonly client: string
}

/** Ends the sessions of owners, of a client, or all. */
export interface Sweep {
  readonly kind: 'sweep'
  readonly scope: SweepScope
  /** The access token of the caller, whose own session is spared. Without it the caller is an administrator. */
  readonly keeping?: string | undefined
  /** Only logins made before it. */
  readonly issuedBefore?: Date | undefined
}

/** A pair as the subject issued it: its two halves, and the id of its session. */
export interface IssuedPair {
  readonly access: string
  readonly refresh: string
  readonly session: string
}

/**
 * The implementation under test: one process of a token service, as the referee sees it from outside.
 *
 * A refusal is an answer, so no method throws for it. The journal records every exception as a failure, for the races
 * break nothing on purpose.
 */
export interface Subject {
  /** The new session may make every sweep, so that any session can be the one that is spared. */
  issue(login: Login): Promise<IssuedPair>
  /** Undefined: refused. */
  refresh(refreshToken: string): Promise<IssuedPair | undefined>
  /** Undefined: refused, since the caller's session has ended. */
  invalidate(target: RaceTarget): Promise<InvalidationCounts | undefined>
  isActive(token: string): Promise<boolean>
}
