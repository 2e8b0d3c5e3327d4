/**
 * Follows the feed of one source, and knows up to when.
 *
 * States:
 * - Catching up: nothing is known, or not everything: a snapshot is being read. Once it is complete, fresh.
 * - Fresh: everything up to less than `maxStalenessMs` ago is known.
 * - Stale: everything up to longer ago is known. The next event that proves more makes it fresh.
 * - Closed: for good.
 * Another epoch and a gap lead to catching up from any state but closed.
 *
 * The state is computed from the clocks whenever it is asked for, so it is right at once after a process was stopped or
 * its event loop was blocked. Timers only tell observers.
 *
 * How old the knowledge is needs no comparison of two clocks: the service says how long after the arrival of this
 * subscription it began to read, and the subscription arrived after it was sent. An event that was held up on its way
 * proves no more than it did when it was sent.
 */
import { decodeBlock, UnreadableBlock } from '../tokens/block.ts'
import type { GuardEvent, GuardState, ResetReason } from './events.ts'
import type { RevocationSet } from './revocation-set.ts'
import { type GuardSource, SourceError, type SourceEvent } from './source.ts'
import { later, type Moment, type Timekeeper } from './timekeeper.ts'
import { background } from './timers.ts'

export interface FollowerOptions {
  readonly source: Pick<GuardSource, 'follow'>
  readonly revocations: RevocationSet
  readonly time: Timekeeper
  readonly maxStalenessMs: number
  readonly report: (event: GuardEvent) => void
  /** Called after the sections of an event were added. */
  readonly onApplied: (sections: ReturnType<typeof decodeBlock>) => void
  /** Called before a snapshot is read again. */
  readonly onReset: (reason: ResetReason) => void
  /** Called when more is known than before: the state may have changed. */
  readonly onProgress: () => void
}

/** A stream is opened anew after so long: two monotonic clocks drift apart, by some 100 ms in this time. */
const streamMs = 1_800_000
/** How often a service is asked that refuses the guard's credentials. */
const refusedPauseMs = 30_000
const longestPauseMs = 5_000
const longestSilenceMs = 30_000
/** A stream that has lasted so long works. */
const steadyMs = 1_000
const shortestPauseMs = 100

export class Follower {
  readonly #options: FollowerOptions
  readonly #closing = new AbortController()
  #cursor: string | undefined
  #epoch: string | undefined
  /** Whether everything up to `#asOf` is known. */
  #isComplete: boolean = false
  #asOf: Moment | undefined
  #failures = 0

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  get epoch(): string | undefined {
    return this.#epoch
  }

  get state(): GuardState {
    if (this.#closing.signal.aborted) return 'CLOSED'
    if (!this.#isComplete) return 'CATCHING_UP'
    return this.stalenessMs <= this.#options.maxStalenessMs ? 'FOLLOWING' : 'STALE'
  }

  /** How long ago everything was known. Infinite before that. */
  get stalenessMs(): number {
    return this.#asOf === undefined ? Number.POSITIVE_INFINITY : this.#options.time.since(this.#asOf)
  }

  /** Follows until `close`, over any number of connections. */
  async run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const pauseMs = await this.#followOnce().then(
        () => 0,
        (error: unknown) => (signal.aborted ? 0 : this.#fail(error)),
      )
      if (pauseMs > 0) await sleep(pauseMs, signal)
    }
  }

  close(): void {
    this.#closing.abort()
  }

  #reset(reason: ResetReason): void {
    const { report, onReset } = this.#options
    this.#isComplete = false
    this.#asOf = undefined
    report({ name: 'reset', reason })
    onReset(reason)
  }

  /**
   * Reads one stream. Resolves when it is to be opened anew.
   *
   * @throws SourceError
   */
  async #followOnce(): Promise<void> {
    const { source, time, maxStalenessMs } = this.#options
    const connection = new AbortController()
    const drop = () => connection.abort()
    this.#closing.signal.addEventListener('abort', drop)
    let isSilent = false
    const silence = new Alarm(() => {
      isSilent = true
      drop()
    })
    // The first event takes longer: it may be a page of a snapshot, from a service that many gateways ask at once.
    silence.set(Math.min(longestSilenceMs, (maxStalenessMs / 2) * 2 ** (this.#failures + (this.#isComplete ? 0 : 2))))
    let isOld = false
    const lifetime = new Alarm(() => {
      isOld = true
      drop()
    })
    lifetime.set(streamMs * (0.8 + Math.random() * 0.4))
    const sentAt = time.moment()
    let arrivedAt: number | undefined
    try {
      for await (const event of source.follow(this.#cursor, connection.signal)) {
        silence.set(event.isComplete ? maxStalenessMs / 2 : longestSilenceMs)
        arrivedAt ??= event.arrivedAt
        if (arrivedAt === undefined) throw new SourceError('unreadable', 'Expected `arrivedAt` in the first event')
        this.#apply(event, time.notAfterNow(later(sentAt, event.readAt - arrivedAt)))
        // Not at the first event: a service that fails after each would be asked without a pause.
        if (time.since(sentAt) > steadyMs) this.#recover()
        // A clock that was set makes this stream's moments wrong, and those of the next one right.
        if (this.#asOf !== undefined && time.wasSetForward(this.#asOf, maxStalenessMs)) return
        if (connection.signal.aborted) break
      }
    } catch (error) {
      if (!connection.signal.aborted) throw error
    } finally {
      silence.stop()
      lifetime.stop()
      this.#closing.signal.removeEventListener('abort', drop)
      connection.abort()
    }
    if (isOld || this.#closing.signal.aborted) return
    throw new SourceError(
      'unreachable',
      isSilent ? 'The service sent nothing for too long' : 'The service ended the stream',
    )
  }

  #apply(event: SourceEvent, knownUpTo: Moment): void {
    const { time, revocations, onApplied, onProgress } = this.#options
    if (this.#epoch !== undefined && event.epoch !== this.#epoch) this.#reset('epoch')
    else if (event.hasGap) this.#reset('gap')
    this.#epoch = event.epoch
    const sections = event.block === undefined ? [] : decode(event.block)
    for (const section of sections) revocations.add(section, time.seconds())
    this.#cursor = event.cursor
    if (event.isComplete) this.#know(knownUpTo)
    if (sections.length > 0) onApplied(sections)
    onProgress()
  }

  #know(upTo: Moment): void {
    this.#isComplete = true
    const { time } = this.#options
    if (this.#asOf === undefined || time.since(upTo) < time.since(this.#asOf)) this.#asOf = upTo
  }

  #recover(): void {
    if (this.#failures > 0) this.#options.report({ name: 'source_restored' })
    this.#failures = 0
  }

  /** Reports the first failure. Answers how long to wait before the next try. */
  #fail(error: unknown): number {
    const { report } = this.#options
    const fault =
      error instanceof SourceError ? error : new SourceError('unreachable', 'The connection to the service was lost')
    const isFirst = this.#failures === 0
    this.#failures++
    if (isFirst && fault.kind === 'refused') report({ name: 'credentials_refused', message: fault.message })
    else if (isFirst) report({ name: 'source_failed', kind: fault.kind, message: fault.message })
    if (fault.kind !== 'unreachable') return refusedPauseMs
    // At once the first time, then full jitter: gateways that lost the same service do not come back together.
    return isFirst ? 0 : Math.random() * Math.min(longestPauseMs, shortestPauseMs * 2 ** this.#failures)
  }
}

function decode(block: Uint8Array): ReturnType<typeof decodeBlock> {
  try {
    return decodeBlock(block)
  } catch (error) {
    if (error instanceof UnreadableBlock)
      throw new SourceError(
        'unreadable',
        'The service sends revocations that this version cannot read: upgrade the guard',
      )
    throw error
  }
}

/** Calls back after a time, unless it is set anew before. */
class Alarm {
  readonly #onRing: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(onRing: () => void) {
    this.#onRing = onRing
  }

  set(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = background(setTimeout(this.#onRing, ms))
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const timer = background(setTimeout(wake, ms))
    signal.addEventListener('abort', wake)
  })
}
