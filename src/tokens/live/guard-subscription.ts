/**
 * The stream that one guard reads: first what it does not know, page by page, then the chain of the guard feed.
 *
 * The order of the steps matters, so that nothing is missed. First the newest link is taken, and only then the log is
 * read, up to a moment after that. What was committed before is in the pages; the rest comes in later links.
 */
import { encodeBlock, isEmptySection } from '../block.ts'
import type { RevocationLog, SectionPage } from '../revocation-log.ts'
import type { GuardFeed, GuardFeedEvent, Link } from './guard-feed.ts'
import type { Stream } from './stream.ts'

export interface GuardSubscriptionDependencies {
  readonly log: Pick<RevocationLog, 'readSections'>
  readonly guardFeed: GuardFeed
}

/** Everything that can still cover a live access token, as pages, and the link to go on with. */
interface Snapshot {
  readonly link: Link
  /** The pages that were asked for, in order. */
  readonly pages: Promise<GuardFeedEvent>[]
}

interface SharedSnapshot {
  readonly snapshot: Promise<Snapshot>
}

/** Rows that are read from the log at once: so many that neither the service nor a guard does nothing else for 5 ms. */
const pageRows = 16_384
/** For so long new guards share one snapshot: a hundred gateways that restart together cost one. */
const sharedMs = 5_000

export interface GuardSubscriptions {
  /** The events after a cursor, or from a snapshot on. `mayFollow` is called at each heartbeat. */
  follow(
    after: string | undefined,
    stream: Stream<GuardFeedEvent>,
    mayFollow: () => Promise<boolean>,
  ): AsyncGenerator<GuardFeedEvent, void, undefined>
}

export function createGuardSubscriptions({ log, guardFeed }: GuardSubscriptionDependencies): GuardSubscriptions {
  let shared: SharedSnapshot | undefined

  return {
    async *follow(after, stream, mayFollow) {
      let link = yield* catchUp(after)
      while (!stream.isOver) {
        if (link.isCutOff) {
          link = yield* catchUp(link.event.cursor)
        } else if (link.next === undefined) {
          await stream.wait()
        } else {
          link = link.next
          if (link.event.block === undefined && !(await mayFollow())) return
          yield link.event
        }
      }
    },
  }

  /** The pages that a reader at this cursor has not seen, and the link to go on with. */
  async function* catchUp(after: string | undefined): AsyncGenerator<GuardFeedEvent, Link, undefined> {
    if (after === undefined) return yield* readSnapshot()
    const link = await guardFeed.newest()
    let page = await log.readSections(after, pageRows)
    while (!page.hasGap) {
      yield eventOf(page, link)
      if (!page.hasMore) return link
      page = await log.readSections(page.cursor, pageRows)
    }
    return yield* readSnapshot(page.epoch)
  }

  /** `epochAfterGap`: of which history the snapshot must be, and that its reader has missed something. */
  async function* readSnapshot(epochAfterGap?: string): AsyncGenerator<GuardFeedEvent, Link, undefined> {
    const snapshot = await currentSnapshot(epochAfterGap)
    const hasGap = epochAfterGap !== undefined
    for (let place = 0; ; place++) {
      const event = await pageOf(snapshot, place)
      // Postgres reads the next one while this one is encoded and sent.
      if (!event.isComplete) void pageOf(snapshot, place + 1).catch(() => undefined)
      yield place === 0 && hasGap ? { ...event, hasGap } : event
      if (event.isComplete) return snapshot.link
    }
  }

  async function currentSnapshot(epoch: string | undefined): Promise<Snapshot> {
    const known = shared
    if (known !== undefined) {
      const snapshot = await known.snapshot
      // A chain that was cut off grows no more. It is cut off when the last guard leaves.
      const { isCutOff, event } = snapshot.link
      if (!isCutOff && event.epoch === (epoch ?? event.epoch)) return snapshot
      if (shared === known) shared = undefined
    }
    shared ??= beginSnapshot(epoch)
    return shared.snapshot
  }

  function beginSnapshot(epoch: string | undefined): SharedSnapshot {
    const begun = { snapshot: guardFeed.newest(epoch).then((link): Snapshot => ({ link, pages: [] })) }
    const forget = () => {
      if (shared === begun) shared = undefined
    }
    begun.snapshot.catch(forget)
    setTimeout(forget, sharedMs).unref()
    return begun
  }

  /** A page is read once, when the first reader asks for it. */
  function pageOf(snapshot: Snapshot, place: number): Promise<GuardFeedEvent> {
    const { link, pages } = snapshot
    const known = pages[place]
    if (known !== undefined) return known
    const before = pages[place - 1]
    const read = async () => {
      const page = await log.readSections((await before)?.cursor, pageRows)
      // What was read before belongs to another history of the database, or retention has overtaken the reader.
      if (page.hasGap) throw new Error('The log changed while a snapshot was read')
      return eventOf(page, link)
    }
    const page = read()
    pages[place] = page
    page.catch(() => {
      shared = undefined
    })
    return page
  }
}

function eventOf({ sections, cursor, epoch, hasMore }: SectionPage, { event: { readAt } }: Link): GuardFeedEvent {
  const block = sections.every(isEmptySection) ? undefined : encodeBlock(sections)
  return { cursor, epoch, block, readAt, hasGap: false, isComplete: !hasMore }
}
