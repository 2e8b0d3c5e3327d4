import type { Revocation } from '../revocation.ts'
import type { RevocationLog } from '../revocation-log.ts'

/** What was read at once: the step from one position of the log to the next. */
interface FeedBatch {
  /** The cursor after it. */
  readonly cursor: string
  readonly revocations: readonly Revocation[]
  readonly hasGap: boolean
}

export interface Feed {
  /**
   * Follows the log until the answer is called; `onBatch` is given each batch as it is read. Only what `settle` answers
   * afterwards says from where on.
   */
  join(onBatch: (batch: FeedBatch) => void): () => void
  /**
   * A cursor at which the feed is, taken after this was called: what comes after it will be given to all who have joined.
   *
   * @throws TokenServiceError ERR_STORAGE_UNAVAILABLE
   */
  settle(): Promise<string>
  /** The batch after a cursor; undefined if there is none yet, or none any more: see `isAt`. */
  after(cursor: string): FeedBatch | undefined
  /** Whether the feed stands at this cursor, so that the next batch comes after it. */
  isAt(cursor: string): boolean
}

/** As much of the log as following it needs. */
export type ReadableLog = Pick<RevocationLog, 'position' | 'readSince' | 'listen'>

/** A page of the log. */
export const pageRows = 500
/** What the feed remembers for readers that are slower than it; about 4 MB at the most. */
export const mostRows = 8_192
/** Under load the log is read this often at most. */
const minIntervalMs = 10
const longestPauseMs = 2_000

/**
 * One reader of the log for all in this process who follow it.
 *
 * Idle: nobody has joined; nothing is read and nothing kept. Following: from the first who joins to the last who leaves
 * it listens, and reads on whenever it is woken, a page at a time. Settled: it has read all that there was when it began
 * to read. Failing: the log did not answer; it tries again after a pause that grows, from where it was, so nothing is
 * lost. A log that has a gap is told as it is read.
 *
 * The last batches are kept, by the cursor that they come after. Whoever reads too slowly finds theirs gone, and reads
 * the log instead: memory is bounded whatever a reader does.
 */
export function createFeed(log: ReadableLog): Feed {
  let follower: Follower | undefined

  return {
    join(onBatch) {
      follower ??= new Follower(log)
      const joined = follower
      return joined.join(onBatch, () => {
        joined.stop()
        if (follower === joined) follower = undefined
      })
    },
    settle: () => follower?.settle() ?? Promise.reject(new Error('Nobody has joined the feed')),
    after: (cursor) => follower?.after(cursor),
    isAt: (cursor) => follower?.isAt(cursor) ?? false,
  }
}

interface Waiting {
  /** Which asking it was: answered by a reading that began after it. */
  readonly asked: number
  readonly resolve: (cursor: string) => void
  readonly reject: (fault: unknown) => void
}

/** From the first who joins to the last who leaves. */
class Follower {
  readonly #log: ReadableLog
  readonly #members = new Set<{ readonly onBatch: (batch: FeedBatch) => void }>()
  readonly #stopListening: () => void
  /** Batches by the cursor that they come after, the oldest first. */
  readonly #kept = new Map<string, FeedBatch>()
  #keptRows = 0
  #position: string | undefined
  #asked = 0
  #isReading: boolean = false
  #isStopped: boolean = false
  #failures = 0
  #waiting: Waiting[] = []

  constructor(log: ReadableLog) {
    this.#log = log
    this.#stopListening = log.listen(() => this.#requestRead())
  }

  join(onBatch: (batch: FeedBatch) => void, onEmpty: () => void): () => void {
    const member = { onBatch }
    this.#members.add(member)
    return () => {
      if (this.#members.delete(member) && this.#members.size === 0) onEmpty()
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#stopListening()
    this.#kept.clear()
    for (const { reject } of this.#takeWaiting(Number.POSITIVE_INFINITY)) reject(new Error('Nobody follows any more'))
  }

  settle(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ asked: this.#asked + 1, resolve, reject })
      this.#requestRead()
    })
  }

  after(cursor: string): FeedBatch | undefined {
    return this.#kept.get(cursor)
  }

  isAt(cursor: string): boolean {
    return cursor === this.#position
  }

  #requestRead(): void {
    this.#asked++
    if (!this.#isReading) void this.#readOn()
  }

  async #readOn(): Promise<void> {
    this.#isReading = true
    for (let served = 0; served < this.#asked && !this.#isStopped; ) {
      const asked = this.#asked
      try {
        const position = await this.#readAll()
        served = asked
        this.#failures = 0
        for (const { resolve } of this.#takeWaiting(asked)) resolve(position)
        if (served < this.#asked) await sleep(minIntervalMs)
      } catch (fault) {
        // Whoever waits is told. The others are not: for them it is a delay, and the storage reports its own faults.
        for (const { reject } of this.#takeWaiting(asked)) reject(fault)
        await sleep(Math.min(longestPauseMs, 50 * 2 ** this.#failures++))
      }
    }
    this.#isReading = false
  }

  #takeWaiting(asked: number): readonly Waiting[] {
    const due = this.#waiting.filter((waiting) => waiting.asked <= asked)
    this.#waiting = this.#waiting.filter((waiting) => waiting.asked > asked)
    return due
  }

  /** Reads to the end of what there is now, and answers where that is. */
  async #readAll(): Promise<string> {
    this.#position ??= await this.#log.position()
    for (;;) {
      const { revocations, cursor, hasGap, hasMore } = await this.#log.readSince(this.#position, { limit: pageRows })
      if (cursor !== this.#position) this.#keep(this.#position, { cursor, revocations, hasGap })
      if (!hasMore) return cursor
    }
  }

  #keep(before: string, batch: FeedBatch): void {
    this.#position = batch.cursor
    this.#kept.set(before, batch)
    this.#keptRows += weightOf(batch)
    for (const [oldest, old] of this.#kept) {
      if (this.#keptRows <= mostRows) break
      this.#kept.delete(oldest)
      this.#keptRows -= weightOf(old)
    }
    for (const { onBatch } of [...this.#members]) onBatch(batch)
  }
}

/** A batch without rows is a step of the snapshot, and takes memory too. */
function weightOf({ revocations }: FeedBatch): number {
  return revocations.length + 1
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
