/** What a round can measure. Each contender reports the measures that it has. */
export type Measure =
  | 'perSecond'
  | 'p50Ms'
  | 'p99Ms'
  /** CPU time of the server process, kernel included, per request. */
  | 'serverMicros'
  /** CPU time of all processes of PostgreSQL, per request. */
  | 'postgresMicros'
  /** The most memory that the server process held since its start. */
  | 'peakMb'
  /** Time until the invalidation is committed, which is when it takes effect. */
  | 'effectMs'
  /** Time from there until the exact counts are known. */
  | 'countsMs'
  | 'bytes'
  /** Time of one call in this process. */
  | 'nanos'
  /** Memory of one entry. */
  | 'bytesEach'
  /** CPU time of the service for one event of a stream and one follower. */
  | 'frameMicros'
  /** From the start of a guard until it follows. */
  | 'startMs'
  /** CPU time of the service, of all of a piece of work. */
  | 'cpuMs'
  /** The longest time in which the event loop did nothing else. */
  | 'pauseMs'
  /** Memory that is still held afterwards. */
  | 'heldMb'

export type Sample = Readonly<Partial<Record<Measure, number>>>

/** One side of a comparison. */
export interface Contender {
  readonly name: string
  /** Opens and seeds what it needs, before the first round of its group. */
  prepare(): Promise<unknown>
  /**
   * One round, or a shorter warm-up.
   *
   * @throws Error when an answer is wrong: the measured speed is then meaningless.
   */
  run(seconds: number): Promise<Sample>
}

/** Contenders that are compared with each other, so their rounds are interleaved. */
export interface Group {
  readonly name: string
  readonly contenders: readonly Contender[]
  /** A limit for contenders whose rounds take long. */
  readonly mostRounds?: number
}
