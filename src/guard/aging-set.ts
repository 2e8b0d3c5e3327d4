import { generationSeconds, horizonSeconds } from '../tokens/block.ts'
import { IdSet } from './id-set.ts'

/**
 * Ids that are forgotten 3,900 s after they were revoked, and up to a generation later: by then no token lives that they
 * could end. One set is asked. Beside it, one set for each generation says which ids to take out of it.
 *
 * By the time of revocation and not by id: a session may be a year old when it is revoked, so chunks of old ids would
 * be used again and again and could never be dropped.
 */
export class AgingSet {
  readonly #asked = new IdSet(1_024)
  /** By number, which is the time of revocation in generations. */
  readonly #generations = new Map<number, IdSet>()
  /** Chunks of generations that are past the horizon, whose ids are still to be taken out. */
  #leaving: Iterator<readonly number[], void, undefined> | undefined

  get size(): number {
    return this.#asked.size
  }

  get bytes(): number {
    let bytes = this.#asked.bytes
    for (const generation of this.#generations.values()) bytes += generation.bytes
    return bytes
  }

  has(id: number): boolean {
    return this.#asked.has(id)
  }

  /** `revokedAt`: in seconds, or later. */
  add(ids: readonly number[], revokedAt: number): void {
    const number = Math.floor(revokedAt / generationSeconds)
    let generation = this.#generations.get(number)
    if (generation === undefined) {
      generation = new IdSet(4_096)
      this.#generations.set(number, generation)
    }
    for (const id of ids) {
      generation.add(id)
      this.#asked.add(id)
    }
  }

  /** Takes out one chunk of what can matter no more. Answers whether there may be more. */
  forgetChunk(now: number): boolean {
    this.#leaving ??= this.#takeOldest(now)?.chunks()
    const step = this.#leaving?.next()
    if (step === undefined) return false
    if (step.done === true) this.#leaving = undefined
    else for (const id of step.value) if (!this.#isInGeneration(id)) this.#asked.delete(id)
    return true
  }

  #takeOldest(now: number): IdSet | undefined {
    for (const [number, generation] of this.#generations) {
      if ((number + 1) * generationSeconds + horizonSeconds > now) continue
      this.#generations.delete(number)
      return generation
    }
    return undefined
  }

  #isInGeneration(id: number): boolean {
    for (const generation of this.#generations.values()) if (generation.has(id)) return true
    return false
  }
}
