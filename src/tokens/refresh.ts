import type { TokensDependencies } from './dependencies.ts'
import { readTokenText } from './owner.ts'
import { findPresented, handOut, type IssuedPair, newHalves, sessionOf, slotFor } from './pair.ts'
import { systemCaller } from './revocation.ts'
import type { Spent, StoredPair } from './store.ts'
import { mintSalt, type PresentedToken, readToken } from './token.ts'

export type RefreshRefusal = 'invalid' | 'expired' | 'already-used' | 'invalidated'

export type RefreshAnswer =
  | { readonly outcome: 'refreshed'; readonly pair: IssuedPair }
  | { readonly outcome: 'refused'; readonly reason: RefreshRefusal }

/** What a refresh token must have been granted for. */
export interface RefreshTerms {
  /** The client that asked for the session. */
  readonly issuedTo?: string | undefined
  /** At most what was granted; none asks for all of it. */
  readonly scopes?: readonly string[]
}

/** The token would be good, only not on these terms. */
export interface TermsNotMet {
  readonly outcome: 'terms-not-met'
  readonly reason: 'other-client' | 'beyond-grant'
}

/** What was granted never changes, so it is read beforehand: a token that fails the terms is not spent. */
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
      const to = { scopes: answer.pair.scopes, session: sessionOf(answer.pair) }
      return refreshed(handOut(secrets, { slot, id: answer.successorId, ...halves }, to, at))
    }
    case 'spent-before':
      return isWithinGrace(dependencies, answer.spent, at)
        ? replay(dependencies, presented, answer.spent, at)
        : endReused(dependencies, answer.pair, at)
    case 'unknown':
      return refused('invalid')
    case 'expired':
    case 'invalidated':
      return refused(answer.outcome)
    default:
      return answer satisfies never
  }
}

/** Parallel tabs and lost answers: the same pair once more, never a second one. */
async function replay(
  dependencies: TokensDependencies,
  presented: PresentedToken,
  spent: Spent,
  at: Date,
): Promise<RefreshAnswer> {
  const successor = await dependencies.store.find(spent.successor)
  if (successor === undefined) return refused('invalid')
  const secrets = presented.deriveSuccessor(spent.salt)
  return refreshed(handOut(secrets, successor, { scopes: successor.scopes, session: sessionOf(successor) }, at))
}

/**
 * RFC 9700 §4.14.2: "The authorization server cannot determine which party submitted the invalid refresh token, but it
 * will revoke the active refresh token. This stops the attack at the cost of forcing the legitimate client to obtain a
 * fresh authorization grant."
 */
async function endReused(dependencies: TokensDependencies, pair: StoredPair, at: Date): Promise<RefreshAnswer> {
  await dependencies.store.invalidateScope(
    { kind: 'session', session: sessionOf(pair) },
    { at, caller: systemCaller, reason: 'refresh-token-reuse' },
  )
  return refused('already-used')
}

/** Measured from the spending on, on the clock of whoever asks: a clock that is behind is within the window. */
function isWithinGrace(dependencies: TokensDependencies, spent: Spent, at: Date): boolean {
  return at.getTime() - spent.at.getTime() < dependencies.lifetimes.refreshGraceSeconds * 1000
}

function refreshed(pair: IssuedPair): RefreshAnswer {
  return { outcome: 'refreshed', pair }
}

function refused(reason: RefreshRefusal): RefreshAnswer {
  return { outcome: 'refused', reason }
}
