/**
 * Values that come in time, for one reader: from a generator that sleeps by `wait`, and can be ended from outside.
 *
 * A generator alone will not do: asked to return while it waits, it returns once its wait is over, which may be never.
 * And a race of each wait against one long promise of the end would leave something behind in that promise each time.
 *
 * Open, until the source is at its end or fails, the reader returns, or somebody calls `end`; then over, for good.
 */
export class Stream<Value> implements AsyncIterableIterator<Value> {
  #values: AsyncIterator<Value, void, undefined> | undefined
  readonly #releases: (() => void)[] = []
  #wake = (): void => undefined
  #isOver: boolean = false

  /** Where the values come from; before any is asked for. */
  begin(values: AsyncIterator<Value, void, undefined>): void {
    this.#values = values
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** For the source: resolves at the next `signal`, or at the end. It has looked in this same tick whether there is anything. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      if (this.#isOver) resolve()
    })
  }

  signal(): void {
    this.#wake()
  }

  /** To be called at the end, or now if it is over. */
  onEnd(release: () => void): void {
    if (this.#isOver) release()
    else this.#releases.push(release)
  }

  /** The reader, waiting or not, reads that it is over. Repeating it is harmless. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const release of this.#releases) release()
    this.#wake()
  }

  async next(): Promise<IteratorResult<Value, undefined>> {
    try {
      const step = this.#isOver ? over : ((await this.#values?.next()) ?? over)
      // What arrives after the end, the end has overtaken.
      if (step.done !== true && !this.#isOver) return step
    } catch (fault) {
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
