/** What a round measures; each contender fills what it can. */
export type Measure =
  | 'perSecond'
  | 'p50Ms'
  | 'p99Ms'
  /** CPU of the server process, kernel included. */
  | 'serverMicros'
  /** CPU of all processes of PostgreSQL. */
  | 'postgresMicros'
  /** The most memory that the server process held since its start. */
  | 'peakMb'
  /** Until it holds: the commit. */
  | 'effectMs'
  /** From the effect to the exact counts. */
  | 'countsMs'
  | 'bytes'

export type Sample = Readonly<Partial<Record<Measure, number>>>

/** One side of a comparison. */
export interface Contender {
  readonly name: string
  /** Opens and seeds what it needs, before the first round of its group. */
  prepare(): Promise<unknown>
  /**
   * One round, or a shorter warm-up.
   *
   * @throws Error when an answer is wrong: then there is nothing worth printing.
   */
  run(seconds: number): Promise<Sample>
}

/** Contenders whose rounds are interleaved, because they are compared with each other. */
export interface Group {
  readonly name: string
  readonly contenders: readonly Contender[]
  /** For what takes long by nature. */
  readonly mostRounds?: number
}
