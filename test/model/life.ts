import type { InvalidationCounts, SweepScope } from '../../src/tokens/coverage.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import type { RefreshRefusal } from '../../src/tokens/refresh.ts'

/**
 * The model: the life of all pairs without a database. It predicts the answer of every verb.
 *
 * It has no revisions and no log. A sweep covers the pairs that exist at that moment, permanently.
 */
export interface Life {
  readonly pairs: readonly Pair[]
  /** Milliseconds since the start. */
  now(): number
  advance(seconds: number): void
  /** Adds a pair that was issued now: for a new session, or for the refresh token of `ancestor`. */
  add(tokens: IssuedPair, client: string, ancestor?: Pair): void
  isLive(pair: Pair, half: Half): boolean
  /** Predicts the answer to a refresh. A reuse ends the session: `ended` is what it must count. */
  refresh(pair: Pair): RefreshPrediction
  invalidate(pair: Pair, half: Half): InvalidationCounts
  sweep(scope: SweepScope): InvalidationCounts
}

export type Half = 'access' | 'refresh'

type RefreshPrediction =
  | { readonly outcome: 'new' }
  | { readonly outcome: 'replay'; readonly successor: Pair }
  | { readonly outcome: 'refused'; readonly reason: RefreshRefusal; readonly ended?: InvalidationCounts }

export interface Pair {
  readonly tokens: IssuedPair
  readonly owner: Owner
  /** The client that created its session. */
  readonly client: string
  /** The id of its session. */
  readonly session: number
  readonly expiresAt: Readonly<Record<Half, number>>
  readonly hasRefresh: boolean
  /** Halves that were invalidated singly, by their token. */
  readonly single: Set<Half>
  /** Set by the first sweep that covered it: whether it had a live half then, and so was counted. */
  cover: { readonly wasLive: boolean } | undefined
  spent: { readonly successor: Pair; readonly at: number } | undefined
}

export const accessTokenSeconds = 1200
export const refreshTokenSeconds = 86_400
export const graceSeconds = 30

export function createLife(): Life {
  const pairs: Pair[] = []
  let now = 0

  const isUsable = (pair: Pair, half: Half) =>
    (half === 'access' || pair.hasRefresh) && !pair.single.has(half) && pair.expiresAt[half] > now
  const isInvalidated = (pair: Pair, half: Half) => pair.single.has(half) || pair.cover !== undefined

  /**
   * Counts both halves of a live pair, each as newly or previously invalidated. A pair that is not live, or was covered
   * before, counts as nothing.
   */
  function cover(covered: readonly Pair[]): InvalidationCounts {
    const fresh = covered.filter((pair) => pair.cover === undefined)
    let [invalidated, previouslyInvalidated] = [0, 0]
    for (const pair of fresh) {
      const wasLive = isUsable(pair, 'access') || isUsable(pair, 'refresh')
      pair.cover = { wasLive }
      if (!wasLive) continue
      previouslyInvalidated += pair.single.size
      invalidated += (pair.hasRefresh ? 2 : 1) - pair.single.size
    }
    return { invalidated, previouslyInvalidated }
  }

  return {
    pairs,
    now: () => now,
    advance: (seconds) => {
      now += seconds * 1000
    },
    add: (tokens, client, ancestor) => {
      const pair: Pair = {
        tokens,
        owner: tokens.session.owner,
        client,
        session: tokens.session.id,
        expiresAt: { access: now + accessTokenSeconds * 1000, refresh: now + refreshTokenSeconds * 1000 },
        hasRefresh: tokens.refresh !== undefined,
        single: new Set(),
        cover: undefined,
        spent: undefined,
      }
      pairs.push(pair)
      if (ancestor !== undefined) ancestor.spent = { successor: pair, at: now }
    },
    isLive: (pair, half) =>
      isUsable(pair, half) && pair.cover === undefined && (half === 'access' || pair.spent === undefined),
    refresh: (pair) => {
      if (!pair.hasRefresh) return { outcome: 'refused', reason: 'invalid' }
      if (pair.expiresAt.refresh <= now) return { outcome: 'refused', reason: 'expired' }
      if (isInvalidated(pair, 'refresh')) return { outcome: 'refused', reason: 'invalidated' }
      if (pair.spent === undefined) return { outcome: 'new' }
      if (now - pair.spent.at < graceSeconds * 1000) return { outcome: 'replay', successor: pair.spent.successor }
      const ended = cover(pairs.filter(({ session }) => session === pair.session))
      return { outcome: 'refused', reason: 'already-used', ended }
    },
    invalidate: (pair, half) => {
      if (half === 'refresh' && !pair.hasRefresh) return { invalidated: 0, previouslyInvalidated: 0 }
      if (pair.single.has(half) || pair.cover?.wasLive === true) return { invalidated: 0, previouslyInvalidated: 1 }
      pair.single.add(half)
      return { invalidated: 1, previouslyInvalidated: 0 }
    },
    sweep: (scope) => cover(pairs.filter((pair) => isIn(scope, pair))),
  }
}

function isIn(scope: SweepScope, { owner: { realm, username }, client }: Pair): boolean {
  switch (scope.kind) {
    case 'realm':
      return scope.realm === realm
    case 'username':
      return scope.username === username
    case 'realm-user':
      return scope.realm === realm && scope.username === username
    case 'client':
      return scope.clientId === client
    case 'everything':
      return true
    default:
      return scope satisfies never
  }
}
