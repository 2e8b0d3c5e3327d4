/**
 * A stream of results that can be ended from outside with one last value, also while its reader waits.
 *
 * States:
 * - Open: passes on what the source gives. It is over when the source ends or fails, or the reader returns.
 * - Ending: `end` was called. The reader gets the last value, and then it is over.
 * - Over: the source was told to return, and nothing more is passed on.
 * A race of each wait against one promise for the end would leave something behind each time.
 */
export class EndingStream<Value> implements AsyncIterableIterator<Value> {
  readonly #source: AsyncIterator<Value>
  readonly #onOver: () => void
  #last: Value | undefined
  #isOver: boolean = false
  /** Answers the reader that waits. */
  #answer: ((step: IteratorResult<Value>) => void) | undefined

  constructor(source: AsyncIterable<Value>, onOver: () => void) {
    this.#source = source[Symbol.asyncIterator]()
    this.#onOver = onOver
  }

  next(): Promise<IteratorResult<Value>> {
    if (this.#last !== undefined) {
      const value = this.#last
      this.#last = undefined
      return Promise.resolve({ done: false, value })
    }
    if (this.#isOver) return Promise.resolve(over)
    return new Promise((resolve, reject) => {
      this.#answer = resolve
      this.#source.next().then(
        (step) => {
          if (this.#answer !== resolve) return
          this.#answer = undefined
          if (step.done === true) this.#finish()
          resolve(step)
        },
        (error: unknown) => {
          if (this.#answer !== resolve) return
          this.#answer = undefined
          this.#finish()
          reject(error)
        },
      )
    })
  }

  /** Ends it with a last value. Does nothing if it is over. */
  end(last: Value): void {
    if (this.#isOver) return
    const answer = this.#answer
    this.#answer = undefined
    this.#finish()
    if (answer === undefined) this.#last = last
    else answer({ done: false, value: last })
  }

  async return(): Promise<IteratorResult<Value>> {
    if (!this.#isOver) this.#finish()
    this.#answer?.(over)
    this.#answer = undefined
    this.#last = undefined
    return over
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #finish(): void {
    this.#isOver = true
    this.#onOver()
    // Not awaited: a source may answer only once its own wait is over.
    void this.#source.return?.()?.catch(() => undefined)
  }
}

const over = { done: true, value: undefined } as const
