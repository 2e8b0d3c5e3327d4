/**
 * The feed in the form of guards: each event is made once, and all guards of this process get the same object. So
 * the text that is sent can be made once as well.
 *
 * Events form a chain, and a reader holds the link that it has read. The newest links are kept. A reader that is so slow
 * that its link is cut off reads the log from its cursor on, and goes on with the newest link. So memory is bounded
 * however slow a reader is.
 *
 * What a notification says was appended becomes an event before the log is read, with the cursor and the time of the
 * event before it. When the log shows the same, it is not sent again: the next event moves the cursor past it. Any role of
 * the database can send a notification of what was never appended. So only what every reader has got is left out: the
 * memory of it ends whenever a reader begins.
 *
 * Every second a heartbeat tells up to when the log was read. It comes from a reading that has finished and never from a
 * timer, so there is none while the database does not answer.
 */
import { type BlockSection, encodeBlock, isEmptySection, joinSections, sectionOf } from '../block.ts'
import { EarlyEntries } from './early-entries.ts'
import type { Feed, FeedBatch, FeedReading } from './feed.ts'

/** What a guard gets at once. */
export interface GuardFeedEvent {
  /** The position after this event. To continue after a lost connection, send it back as `after`. */
  readonly cursor: string
  /** Names the history of the database. With another epoch, a guard forgets all that it knows. */
  readonly epoch: string
  /** The revocations of this event (`src/tokens/block.ts`). Undefined in a heartbeat. */
  readonly block: Uint8Array | undefined
  /** When the stream was asked for, in ms on the monotonic clock of this process. Only in the first event. */
  readonly arrivedAt?: number
  /** All that was committed by then was sent by the end of this event, in ms on the same clock. */
  readonly readAt: number
  readonly hasGap: boolean
  /** False while more pages follow, of a snapshot or of what was missed. */
  readonly isComplete: boolean
}

/** One event and what comes after it. */
export class Link {
  readonly event: GuardFeedEvent
  next: Link | undefined
  /** True once what comes after it is no longer kept. */
  isCutOff: boolean = false

  constructor(event: GuardFeedEvent) {
    this.event = event
  }

  cutOff(): void {
    this.isCutOff = true
    this.next = undefined
  }
}

export interface GuardFeed {
  /** Adds a reader: `onLink` is called when the chain has grown or was cut. Answers the function that removes it. */
  join(onLink: () => void): () => void
  /**
   * The newest link, of this epoch if one is given. What is appended after this call comes in later links.
   *
   * @throws TokenServiceError ERR_STORAGE_UNAVAILABLE
   */
  newest(epoch?: string): Promise<Link>
}

const heartbeatMs = 1_000
/** What is appended within this time after an event goes together. */
const collectMs = 5
/** Links that are kept for slower readers: with a block of some 100 bytes each about 1 MB, and never more than 16 MB. */
const mostLinks = 4_096
const mostBytes = 16_000_000

export function createGuardFeed(feed: Feed): GuardFeed {
  let reader: GuardReader | undefined
  const readers = new Set<{ readonly onLink: () => void }>()
  return {
    join(onLink) {
      const joined = { onLink }
      readers.add(joined)
      reader ??= new GuardReader(feed, () => {
        for (const one of [...readers]) one.onLink()
      })
      return () => {
        if (!readers.delete(joined) || readers.size > 0) return
        reader?.stop()
        reader = undefined
      }
    },
    newest: (epoch) => reader?.newest(epoch) ?? Promise.reject(new Error('The guard feed has no reader')),
  }
}

/** Follows the feed from the time the first guard joins until the last one leaves. */
class GuardReader {
  readonly #feed: Feed
  readonly #onLink: () => void
  readonly #leaveFeed: () => void
  readonly #heartbeat: NodeJS.Timeout
  readonly #kept: Link[] = []
  #keptBytes = 0
  #newest: Link | undefined
  readonly #early = new EarlyEntries()
  #collected: BlockSection[] = []
  #collecting: NodeJS.Timeout | undefined
  #heartbeatAt = Number.NEGATIVE_INFINITY

  constructor(feed: Feed, onLink: () => void) {
    this.#feed = feed
    this.#onLink = onLink
    this.#leaveFeed = feed.join({
      onBatch: (batch) => this.#addBatch(batch),
      onCaughtUp: (reading) => this.#addReading(reading),
      onAppended: (appended) => this.#collect(appended),
    })
    this.#heartbeat = setInterval(() => void this.#feed.catchUp().catch(ignore), heartbeatMs).unref()
  }

  stop(): void {
    this.#leaveFeed()
    clearInterval(this.#heartbeat)
    clearTimeout(this.#collecting)
    this.#cutAll()
  }

  async newest(epoch = this.#newest?.event.epoch): Promise<Link> {
    // In another epoch, a reading finds the gap, which cuts the chain off, and begins a new one.
    if (this.#newest === undefined || this.#newest.event.epoch !== epoch) await this.#feed.catchUp()
    if (this.#newest === undefined) throw new Error('A finished reading gave no link')
    // This reader does not get what was sent before.
    this.#flush()
    this.#early.clear()
    return this.#newest
  }

  #addBatch({ revocations, cursor, epoch, hasGap }: FeedBatch): void {
    if (this.#newest === undefined) return
    // The chain does not lead across a gap: each reader finds it at its own cursor, and begins again with a snapshot.
    if (hasGap) {
      this.#cutAll()
      return
    }
    this.#flush()
    const unsent = this.#early.without(sectionOf(revocations))
    if (isEmptySection(unsent)) return
    const { readAt } = this.#newest.event
    this.#add({ cursor, epoch, readAt, block: encodeBlock([unsent]) })
  }

  #addReading({ cursor, epoch, readAt }: FeedReading): void {
    const isDue = readAt - this.#heartbeatAt >= heartbeatMs * 0.9
    if (this.#newest !== undefined && !isDue) return
    this.#heartbeatAt = readAt
    // A reader must not have this cursor before it has everything up to it.
    this.#flush()
    this.#add({ cursor, epoch, readAt, block: undefined })
  }

  /** The first is sent at once, and those of the next milliseconds together. */
  #collect(appended: BlockSection): void {
    if (this.#newest === undefined) return
    const unsent = this.#early.add(appended)
    if (isEmptySection(unsent)) return
    this.#collected.push(unsent)
    if (this.#collecting === undefined) this.#sendCollected()
  }

  #sendCollected(): void {
    this.#collecting =
      this.#collected.length === 0 ? undefined : setTimeout(() => this.#sendCollected(), collectMs).unref()
    this.#flush()
  }

  #flush(): void {
    const collected = this.#collected
    if (this.#newest === undefined || collected.length === 0) return
    this.#collected = []
    const { cursor, epoch, readAt } = this.#newest.event
    this.#add({ cursor, epoch, readAt, block: encodeBlock([joinSections(collected)]) })
  }

  #add(added: Pick<GuardFeedEvent, 'cursor' | 'epoch' | 'readAt' | 'block'>): void {
    const link = new Link({ ...added, hasGap: false, isComplete: true })
    if (this.#newest !== undefined) this.#newest.next = link
    this.#newest = link
    this.#kept.push(link)
    this.#keptBytes += weightOf(link)
    while (this.#kept.length > mostLinks || (this.#keptBytes > mostBytes && this.#kept.length > 1)) {
      const oldest = this.#kept.shift()
      oldest?.cutOff()
      this.#keptBytes -= oldest === undefined ? 0 : weightOf(oldest)
    }
    this.#onLink()
  }

  /** The next finished reading begins a new chain. */
  #cutAll(): void {
    for (const link of this.#kept.splice(0)) link.cutOff()
    this.#keptBytes = 0
    this.#newest = undefined
    this.#collected = []
    this.#early.clear()
    this.#onLink()
  }
}

function weightOf({ event: { cursor, block } }: Link): number {
  return cursor.length + (block?.length ?? 0)
}

function ignore(): void {
  // The feed reports that the log does not answer.
}
