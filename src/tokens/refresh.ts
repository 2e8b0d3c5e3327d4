import type { TokensDependencies } from './dependencies.ts'
import { findPresented, type IssuedPair, newHalves, sessionOf, slotFor, toIssuedPair } from './pair.ts'
import { readTokenText } from './read-input.ts'
import { systemCaller } from './revocation-access.ts'
import type { Spent, StoredPair } from './store.ts'
import { mintSalt, type PresentedToken, readToken } from './token.ts'

/** Why a refresh token was refused. */
export type RefreshRefusal = 'invalid' | 'expired' | 'already-used' | 'invalidated'

/** The answer to a refresh. */
export type RefreshAnswer =
  | { readonly outcome: 'refreshed'; readonly pair: IssuedPair }
  | { readonly outcome: 'refused'; readonly reason: RefreshRefusal }

/** Conditions that the grant of a refresh token must meet. */
export interface RefreshTerms {
  /** The client that must have created the session. */
  readonly issuedTo?: string | undefined
  /** Scopes that must all have been granted. An empty list sets no condition. */
  readonly scopes?: readonly string[]
}

/** The refresh token has neither expired nor been invalidated, but its grant does not meet the terms. */
export interface TermsNotMet {
  readonly outcome: 'terms-not-met'
  readonly reason: 'other-client' | 'beyond-grant'
}

/**
 * Spends a refresh token if its grant meets the terms. A token that does not meet them is not spent. Reading the grant
 * before spending is safe, because a grant never changes.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export async function refreshOnTerms(
  dependencies: TokensDependencies,
  refreshToken: string,
  { issuedTo, scopes = [] }: RefreshTerms,
): Promise<RefreshAnswer | TermsNotMet> {
  if (issuedTo === undefined && scopes.length === 0) return refresh(dependencies, refreshToken)
  const presented = readToken(readTokenText('refreshToken', refreshToken))
  if (presented?.half !== 'refresh') return refused('invalid')
  const pair = await findPresented(dependencies.store, presented)
  if (pair?.refresh === undefined) return refused('invalid')
  const isIssuedTo = issuedTo === undefined || pair.clientId === issuedTo
  if (isIssuedTo && scopes.every((scope) => pair.scopes.includes(scope))) return spend(dependencies, presented)
  if (pair.refresh.expiresAt <= dependencies.clock()) return refused('expired')
  if (pair.refresh.isInvalidated) return refused('invalidated')
  return { outcome: 'terms-not-met', reason: isIssuedTo ? 'beyond-grant' : 'other-client' }
}

/**
 * Spends a refresh token on a new pair.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export async function refresh(dependencies: TokensDependencies, refreshToken: string): Promise<RefreshAnswer> {
  const presented = readToken(readTokenText('refreshToken', refreshToken))
  return presented?.half === 'refresh' ? spend(dependencies, presented) : refused('invalid')
}

async function spend(dependencies: TokensDependencies, presented: PresentedToken): Promise<RefreshAnswer> {
  const at = dependencies.clock()
  const salt = mintSalt()
  const secrets = presented.deriveSuccessor(salt)
  const halves = newHalves(secrets, at, dependencies.lifetimes)
  const slot = slotFor(halves, dependencies.lifetimes)

  const answer = await dependencies.store.refresh({ presented, at, salt, successor: { slot, ...halves } })
  switch (answer.outcome) {
    case 'refreshed': {
      const { scopes } = answer.pair
      const successor = { slot, id: answer.successorId, ...halves, scopes, session: sessionOf(answer.pair) }
      return refreshed(toIssuedPair(secrets, successor, at))
    }
    case 'spent-before':
      return isWithinGrace(dependencies, answer.spent, at)
        ? replay(dependencies, presented, { spent: answer.spent, at })
        : refuseReused(dependencies, answer.pair, at)
    case 'unknown':
      return refused('invalid')
    case 'expired':
    case 'invalidated':
      return refused(answer.outcome)
    default:
      return answer satisfies never
  }
}

/**
 * Answers a repeated refresh within the grace period: parallel tabs refresh at the same time, and answers get lost. The
 * caller gets the same successor again, never a second one.
 */
async function replay(
  dependencies: TokensDependencies,
  presented: PresentedToken,
  { spent, at }: { readonly spent: Spent; readonly at: Date },
): Promise<RefreshAnswer> {
  const successor = await dependencies.store.find(spent.successor)
  if (successor === undefined) return refused('invalid')
  const secrets = presented.deriveSuccessor(spent.salt)
  return refreshed(toIssuedPair(secrets, { ...successor, session: sessionOf(successor) }, at))
}

/**
 * RFC 9700 §4.14.2: "The authorization server cannot determine which party submitted the invalid refresh token, but it
 * will revoke the active refresh token. This stops the attack at the cost of forcing the legitimate client to obtain a
 * fresh authorization grant."
 */
async function refuseReused(dependencies: TokensDependencies, pair: StoredPair, at: Date): Promise<RefreshAnswer> {
  await dependencies.store.invalidateScope(
    { kind: 'session', session: sessionOf(pair) },
    { at, caller: systemCaller, reason: 'refresh-token-reuse' },
  )
  dependencies.emit?.({ name: 'refresh_token_reused', facts: { session: pair.sessionId } })
  return refused('already-used')
}

/**
 * The grace period is measured from the time of spending to the time on this process's clock. If this clock is behind
 * the one that recorded the spending, the difference is negative, which counts as within the period.
 */
function isWithinGrace(dependencies: TokensDependencies, spent: Spent, at: Date): boolean {
  return at.getTime() - spent.at.getTime() < dependencies.lifetimes.refreshGraceSeconds * 1000
}

function refreshed(pair: IssuedPair): RefreshAnswer {
  return { outcome: 'refreshed', pair }
}

function refused(reason: RefreshRefusal): RefreshAnswer {
  return { outcome: 'refused', reason }
}
