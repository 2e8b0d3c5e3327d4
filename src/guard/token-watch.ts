import type { BlockSection } from '../tokens/block.ts'
import type { TokenEnd } from './api.ts'
import { type LiveToken, LiveTokens } from './live-tokens.ts'
import type { Sighting } from './read-claims.ts'
import type { RevocationSet } from './revocation-set.ts'
import type { Timekeeper } from './timekeeper.ts'
import { background } from './timers.ts'

interface Watched extends LiveToken {
  readonly end: (reason: TokenEnd) => void
}

export interface TokenWatchOptions {
  readonly revocations: Pick<RevocationSet, 'covers'>
  readonly time: Pick<Timekeeper, 'now'>
  readonly report: (error: unknown) => void
}

/** The longest that a timer of JavaScript can wait. */
const longestTimerMs = 2 ** 31 - 1

/** Tells streams when their token is no longer good. Each is told once. */
export class TokenWatch {
  readonly #options: TokenWatchOptions
  readonly #live = new LiveTokens<Watched>()
  #ended = 0

  constructor(options: TokenWatchOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#live.size
  }

  get ended(): number {
    return this.#ended
  }

  /** Answers the function that stops it. A token that has ended already is told of in the next turn. */
  watch({ revocable, expiresAtMs }: Sighting, onEnd: (reason: TokenEnd) => void): () => void {
    const { time, revocations } = this.#options
    const waitMs = Math.min(longestTimerMs, Math.max(0, expiresAtMs - time.now()))
    const expiry = background(setTimeout(() => end('expired'), waitMs))
    const stop = () => {
      clearTimeout(expiry)
      remove()
    }
    const end = (reason: TokenEnd) => {
      stop()
      this.#tell(reason, onEnd)
    }
    const watched = { token: revocable, end }
    const remove = this.#live.add(watched)
    if (revocations.covers(revocable)) queueMicrotask(() => this.#live.has(watched) && end('invalidated'))
    return stop
  }

  /** Ends the tokens that these revocations cover. */
  endRevoked(sections: readonly BlockSection[]): void {
    this.#endCovered(this.#live.candidates(sections))
  }

  /** After a gap: ends those that are covered by anything. */
  endAllRevoked(): void {
    this.#endCovered(this.#live.all())
  }

  endAll(reason: TokenEnd): void {
    this.#end(this.#live.all(), reason)
  }

  #endCovered(candidates: Iterable<Watched>): void {
    const { revocations } = this.#options
    this.#end(
      [...candidates].filter(({ token }) => revocations.covers(token)),
      'invalidated',
    )
  }

  #end(watched: Iterable<Watched>, reason: TokenEnd): void {
    for (const { end } of [...watched]) end(reason)
  }

  /** A callback that throws is no reason not to tell the others. */
  #tell(reason: TokenEnd, onEnd: (reason: TokenEnd) => void): void {
    this.#ended++
    try {
      onEnd(reason)
    } catch (error) {
      this.#options.report(error)
    }
  }
}
