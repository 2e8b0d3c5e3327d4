/**
 * An asynchronous iterator for one reader. Its values come from a generator (the source), which pauses with `wait`.
 * Other code can end the stream at any time.
 *
 * States:
 * - Open: `next` answers the next value of the source. The stream is over when the source ends or fails, when the
 *   reader calls `return`, or when `end` is called.
 * - Over: `next` answers that the stream is done, also to a reader that was waiting. All `onEnd` functions have been
 *   called. The stream stays over.
 *
 * A generator alone is not enough: if its `return` is called while it waits, it returns only after that wait, which may
 * never end. Racing each wait against one long-lived promise for the end would leak memory: each race adds a callback
 * to that promise, which stays there.
 */
export class Stream<Value> implements AsyncIterableIterator<Value> {
  #values: AsyncIterator<Value, void, undefined> | undefined
  readonly #onEnd: (() => void)[] = []
  #resolveWait = (): void => undefined
  #isOver: boolean = false

  /** Sets the source. Must be called before the first `next`. */
  begin(values: AsyncIterator<Value, void, undefined>): void {
    this.#values = values
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * For the source: resolves at the next `signal`, or at the end. The source must check in the same tick, before it
   * calls this, whether there is a value. Otherwise it could miss a signal.
   */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolveWait = resolve
      if (this.#isOver) resolve()
    })
  }

  /** Resumes a source that waits. */
  signal(): void {
    this.#resolveWait()
  }

  /** Registers a function that is called at the end, or at once if the stream is over. */
  onEnd(release: () => void): void {
    if (this.#isOver) release()
    else this.#onEnd.push(release)
  }

  /** Ends the stream, also while the reader waits. Repeating it is harmless. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const release of this.#onEnd) release()
    this.#resolveWait()
  }

  async next(): Promise<IteratorResult<Value, undefined>> {
    try {
      const step = this.#isOver ? over : ((await this.#values?.next()) ?? over)
      // A value that arrives after the end is discarded.
      if (step.done !== true && !this.#isOver) return step
    } catch (fault) {
      // After its end no reader waits for the stream, and the end itself may be what caused the fault.
      if (!this.#isOver) {
        this.end()
        throw fault
      }
    }
    this.end()
    return over
  }

  async return(): Promise<IteratorResult<Value, undefined>> {
    this.end()
    return over
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

const over = { done: true, value: undefined } as const
