import type { GuardSource, IntrospectedToken } from './source.ts'

/** The service did not answer, or too many are asked for. */
class NoAnswer extends Error {}

export interface FirstSightsOptions {
  readonly source: Pick<GuardSource, 'introspect'>
  /** How many are asked for at the same time. */
  readonly atOnce: number
  /** How many wait. */
  readonly waiting: number
}

/** How long an answer is waited for, with the time in the queue. */
const deadlineMs = 5_000

/** Asks the service about tokens: each once at a time, so many at the same time, and so many waiting. */
export class FirstSights {
  readonly #options: FirstSightsOptions
  readonly #underWay = new Map<string, Promise<IntrospectedToken | undefined>>()
  readonly #waiting: (() => void)[] = []
  readonly #closing = new AbortController()
  #asking = 0

  constructor(options: FirstSightsOptions) {
    this.#options = options
  }

  get asking(): number {
    return this.#asking
  }

  /**
   * What the token says; undefined if it is not valid. `digest` names the token.
   *
   * @throws NoAnswer
   */
  ask(token: string, digest: string): Promise<IntrospectedToken | undefined> {
    const known = this.#underWay.get(digest)
    if (known !== undefined) return known
    const asked = this.#ask(token).finally(() => this.#underWay.delete(digest))
    this.#underWay.set(digest, asked)
    return asked
  }

  close(): void {
    this.#closing.abort()
    for (const resume of this.#waiting.splice(0)) resume()
  }

  async #ask(token: string): Promise<IntrospectedToken | undefined> {
    const { source, atOnce, waiting } = this.#options
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(deadlineMs)])
    if (this.#asking >= atOnce) {
      if (this.#waiting.length >= waiting) throw new NoAnswer('Too many tokens are asked for')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#asking++
    }
    try {
      signal.throwIfAborted()
      return await source.introspect(token, signal)
    } catch (error) {
      throw new NoAnswer('The service did not answer', { cause: error })
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#asking--
      else next()
    }
  }
}
