/**
 * The feed reads the log once for all followers in this process, and gives each of them every batch.
 *
 * States:
 * - Idle: no follower has joined. The feed reads nothing, keeps nothing and does not listen to the log. The first
 *   `join` makes it following.
 * - Following: it listens to the log. Each notification, and each `catchUp`, starts a reading, or another one after the
 *   reading that is under way. A reading goes from the feed's position to the end of the log, a page at a time. At the
 *   end of the log the feed has caught up; if the log does not answer, it is failing.
 * - Caught up: it has read at least everything that the log held when the last reading began. Each `catchUp` that was
 *   called before that reading is answered with the position reached. The next notification or `catchUp` makes it
 *   following.
 * - Failing: the log did not answer. Each `catchUp` that was called before that reading is rejected. After a pause that
 *   doubles with each failure the feed reads again from the same position, so no revocation is lost. A reading that
 *   succeeds leaves it caught up. The first failure is the event `feed_delayed`, that reading `feed_resumed`.
 * When the last follower leaves, the feed becomes idle from any state, and every pending `catchUp` is rejected.
 *
 * If the log has a gap, the batch in which it was found says so (`hasGap`).
 *
 * The feed keeps the last batches, by the cursor that they come after. A follower that is too slow no longer finds its
 * next batch there and reads the log instead. So memory is bounded however slow a follower is.
 */
import type { EmitEvent } from '../../events/events.ts'
import type { BlockSection } from '../block.ts'
import type { Revocation } from '../coverage.ts'
import type { RevocationLog } from '../revocation-log.ts'

/** One page that the feed has read: the step from one position of the log to the next. */
export interface FeedBatch {
  /** The position after this batch. */
  readonly cursor: string
  readonly epoch: string
  readonly revocations: readonly Revocation[]
  readonly hasGap: boolean
}

/** What a follower is called with. */
interface FeedFollower {
  /** Each batch, as it is read. */
  onBatch(batch: FeedBatch): void
  /** The end of each reading that has reached the end of the log, after its batches. */
  onCaughtUp?(reading: FeedReading): void
  /**
   * What a notification says was appended, before the log was read. It comes again with a batch, proves nothing about
   * what else was appended, and may be wrong, as any role of the database can send a notification.
   */
  onAppended?(appended: BlockSection): void
}

/** A finished reading of the log. */
export interface FeedReading {
  /** The position reached. */
  readonly cursor: string
  readonly epoch: string
  /** When the reading began, in ms on the monotonic clock of this process: all that was committed by then is read. */
  readonly readAt: number
}

export interface Feed {
  /**
   * Adds a follower. Answers the function that removes it. Which batch is the first is known only from a `catchUp` after
   * joining.
   */
  join(follower: FeedFollower): () => void
  /**
   * The position of the feed at the end of a reading that begins after this call. Every follower gets all batches after
   * that position.
   *
   * @throws TokenServiceError ERR_STORAGE_UNAVAILABLE
   */
  catchUp(): Promise<string>
  /** The kept batch after a cursor. Undefined if it is not read yet (then `isAt` is true) or no longer kept. */
  batchAfter(cursor: string): FeedBatch | undefined
  /** Whether this cursor is the position of the feed, so that the next batch to be read comes after it. */
  isAt(cursor: string): boolean
}

/** The part of the log that the feed uses. */
export type ReadableLog = Pick<RevocationLog, 'position' | 'readSince' | 'listen'>

/** Rows that are read from the log at once. */
export const pageRows = 500
/** Rows that the feed keeps in memory for slower followers: about 4 MB at most. */
export const mostRows = 8_192
/** The shortest pause between two readings, which limits the load on the database. */
const minIntervalMs = 5
/** A pause after a failure starts at the shortest value and doubles up to the longest. */
const shortestPauseMs = 50
const longestPauseMs = 2_000

interface FeedReports {
  readonly emit: EmitEvent
  /** Called with the newest revocation of each batch, as it is read. */
  readonly onRead: (newest: Revocation) => void
}

/** One reader of the log for all followers in this process. Its states are described at the top of this file. */
export function createFeed(log: ReadableLog, emit: EmitEvent, onRead: FeedReports['onRead'] = () => undefined): Feed {
  let reader: LogReader | undefined

  return {
    join(follower) {
      reader ??= new LogReader(log, { emit, onRead })
      const joined = reader
      return joined.join(follower, () => {
        joined.stop()
        if (reader === joined) reader = undefined
      })
    },
    catchUp: () => reader?.catchUp() ?? Promise.reject(new Error('The feed has no follower')),
    batchAfter: (cursor) => reader?.batchAfter(cursor),
    isAt: (cursor) => reader?.isAt(cursor) ?? false,
  }
}

/** A call of `catchUp` that has not been answered yet. */
interface PendingCatchUp {
  /** The number of its request to read. Only a reading that began after this request may answer it. */
  readonly request: number
  readonly resolve: (cursor: string) => void
  readonly reject: (fault: unknown) => void
}

/** Reads the log from the time the first follower joins until the last one leaves. */
class LogReader {
  readonly #log: ReadableLog
  readonly #emit: EmitEvent
  readonly #onRead: (newest: Revocation) => void
  readonly #followers = new Set<FeedFollower>()
  readonly #stopListening: () => void
  /** The last batches, by the cursor that they come after, the oldest first. */
  readonly #kept = new Map<string, FeedBatch>()
  #keptRows = 0
  #position: string | undefined
  /** How often a reading was requested. */
  #requests = 0
  #isReading: boolean = false
  #isStopped: boolean = false
  #failures = 0
  #pending: PendingCatchUp[] = []

  constructor(log: ReadableLog, { emit, onRead }: FeedReports) {
    this.#log = log
    this.#emit = emit
    this.#onRead = onRead
    this.#stopListening = log.listen((appended) => {
      if (appended !== undefined) for (const follower of [...this.#followers]) follower.onAppended?.(appended)
      this.#requestRead()
    })
  }

  join(follower: FeedFollower, onEmpty: () => void): () => void {
    this.#followers.add(follower)
    return () => {
      if (this.#followers.delete(follower) && this.#followers.size === 0) onEmpty()
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#stopListening()
    this.#kept.clear()
    const error = new Error('The last follower has left the feed')
    for (const { reject } of this.#takePending(Number.POSITIVE_INFINITY)) reject(error)
  }

  catchUp(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ request: this.#requests + 1, resolve, reject })
      this.#requestRead()
    })
  }

  batchAfter(cursor: string): FeedBatch | undefined {
    return this.#kept.get(cursor)
  }

  isAt(cursor: string): boolean {
    return cursor === this.#position
  }

  #requestRead(): void {
    this.#requests++
    if (!this.#isReading) void this.#readUntilServed()
  }

  /** Reads until a reading has succeeded that began after the last request. */
  async #readUntilServed(): Promise<void> {
    this.#isReading = true
    for (let served = 0; served < this.#requests && !this.#isStopped; ) {
      const requests = this.#requests
      try {
        const reading = await this.#readAll()
        served = requests
        this.#reportSuccess()
        for (const follower of [...this.#followers]) follower.onCaughtUp?.(reading)
        for (const { resolve } of this.#takePending(requests)) resolve(reading.cursor)
        if (served < this.#requests) await sleep(minIntervalMs)
      } catch (fault) {
        // Only pending calls of `catchUp` get the error. For followers it is a delay.
        this.#reportFailure(fault)
        for (const { reject } of this.#takePending(requests)) reject(fault)
        await sleep(Math.min(longestPauseMs, shortestPauseMs * 2 ** (this.#failures - 1)))
      }
    }
    this.#isReading = false
  }

  /** A log that fails after the last follower has left delays no follower. */
  #reportFailure(error: unknown): void {
    if (this.#failures === 0 && !this.#isStopped) this.#emit({ name: 'feed_delayed', error })
    this.#failures++
  }

  #reportSuccess(): void {
    if (this.#failures > 0) this.#emit({ name: 'feed_resumed', facts: { failures: this.#failures } })
    this.#failures = 0
  }

  /** Removes and answers the pending calls up to this request. */
  #takePending(upToRequest: number): readonly PendingCatchUp[] {
    const taken = this.#pending.filter(({ request }) => request <= upToRequest)
    this.#pending = this.#pending.filter(({ request }) => request > upToRequest)
    return taken
  }

  /** Reads to the end of the log, a page at a time. */
  async #readAll(): Promise<FeedReading> {
    const readAt = performance.now()
    this.#position ??= await this.#log.position()
    for (;;) {
      const { hasMore, ...batch } = await this.#log.readSince(this.#position, { limit: pageRows })
      if (batch.cursor !== this.#position) this.#keep(this.#position, batch)
      if (!hasMore) return { cursor: batch.cursor, epoch: batch.epoch, readAt }
    }
  }

  /** Keeps a batch, deletes the oldest batches beyond `mostRows`, and gives the new one to every follower. */
  #keep(after: string, batch: FeedBatch): void {
    this.#position = batch.cursor
    this.#kept.set(after, batch)
    this.#keptRows += weightOf(batch)
    for (const [oldest, old] of this.#kept) {
      if (this.#keptRows <= mostRows) break
      this.#kept.delete(oldest)
      this.#keptRows -= weightOf(old)
    }
    const newest = batch.revocations.at(-1)
    if (newest !== undefined) this.#onRead(newest)
    for (const follower of [...this.#followers]) follower.onBatch(batch)
  }
}

/** A batch without rows advances the cursor's snapshot, and takes memory too: it counts as one row. */
function weightOf({ revocations }: FeedBatch): number {
  return revocations.length + 1
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
