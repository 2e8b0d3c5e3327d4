import type { IntrospectedToken } from './known-token.ts'
import type { GuardSource } from './source.ts'
import { background } from './timers.ts'

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
  readonly #waiting = new Set<() => void>()
  readonly #deadlines = new Set<AbortController>()
  #isClosed: boolean = false
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
    this.#isClosed = true
    for (const deadline of this.#deadlines) deadline.abort()
  }

  async #ask(token: string): Promise<IntrospectedToken | undefined> {
    const { atOnce, waiting } = this.#options
    if (this.#asking >= atOnce && this.#waiting.size >= waiting) throw new NoAnswer('Too many tokens are asked for')
    // With `AbortSignal.any` of an `AbortSignal.timeout`, Node may collect the timeout, and the deadline never comes.
    const deadline = new AbortController()
    this.#deadlines.add(deadline)
    if (this.#isClosed) deadline.abort()
    const timer = background(setTimeout(() => deadline.abort(), deadlineMs))
    try {
      return await this.#askInTurn(token, deadline.signal)
    } finally {
      clearTimeout(timer)
      this.#deadlines.delete(deadline)
    }
  }

  async #askInTurn(token: string, signal: AbortSignal): Promise<IntrospectedToken | undefined> {
    if (this.#asking >= this.#options.atOnce) await this.#waitForTurn(signal)
    else this.#asking++
    try {
      return await before(signal, this.#options.source.introspect(token, signal))
    } catch (error) {
      throw new NoAnswer('The service did not answer', { cause: error })
    } finally {
      this.#endTurn()
    }
  }

  async #waitForTurn(signal: AbortSignal): Promise<void> {
    let begin = () => {}
    const turn = new Promise<void>((resolve) => {
      begin = resolve
    })
    this.#waiting.add(begin)
    try {
      await before(signal, turn)
    } catch (error) {
      // The turn may have come at the same moment: it goes on to the next.
      if (!this.#waiting.delete(begin)) this.#endTurn()
      throw new NoAnswer('The service did not answer in time', { cause: error })
    }
  }

  #endTurn(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#asking--
      return
    }
    this.#waiting.delete(next)
    next()
  }
}

/** The answer, or a rejection once the signal is aborted: a source may not look at the signal. */
function before<Answer>(signal: AbortSignal, answer: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
