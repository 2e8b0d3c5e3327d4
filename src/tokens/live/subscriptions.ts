import { type ActiveToken, assertScope, type Caller, tokenOf } from '../caller.ts'
import type { ClientStore } from '../clients.ts'
import { watchScope } from '../current-scopes.ts'
import type { Revocation } from '../revocation.ts'
import type { LogPage, RevocationLog } from '../revocation-log.ts'
import type { TokenStore } from '../store.ts'
import { createFeed, type Feed, pageRows } from './feed.ts'
import { Stream } from './stream.ts'
import { createWatchers } from './watchers.ts'

/** What a follower of the log reads at once. */
export interface FeedEvent {
  /** Where to go on after a cut: give it back as `after`. */
  readonly cursor: string
  /** In order of their revision; none in the first event of a caller who has missed nothing. */
  readonly revocations: readonly Revocation[]
  /** Something that the caller had not seen is forgotten, or the database is another: it begins again with these. */
  readonly hasGap: boolean
}

/** The verbs that answer again and again, over one reader of the log. */
export interface Subscriptions {
  watchToken(caller: Caller): Promise<AsyncIterableIterator<Revocation>>
  followRevocations(after: string | undefined, caller: Caller): Promise<AsyncIterableIterator<FeedEvent>>
  endStreams(): void
}

/** What they need of what the verbs need. */
export interface SubscriptionsDependencies {
  readonly log: Pick<RevocationLog, 'findEnding' | 'position' | 'readSince' | 'listen'>
  readonly store: Pick<TokenStore, 'find'>
  readonly clients: Pick<ClientStore, 'findClient'>
  readonly clock: () => Date
}

export function createSubscriptions(dependencies: SubscriptionsDependencies): Subscriptions {
  const { log } = dependencies
  const feed = createFeed(log)
  const watch = createWatch(dependencies, feed)
  const streams = new Set<Stream<unknown>>()
  let hasEnded = false

  return {
    async watchToken(caller) {
      const token = tokenOf(caller, 'watch it')
      let ending: Revocation | undefined
      const stream = new Stream<Revocation>()
      async function* waitForEnd() {
        while (ending === undefined && !stream.isOver) await stream.wait()
        if (ending !== undefined) yield ending
      }
      const onEnd = (revocation: Revocation | undefined) => {
        ending ??= revocation
        if (ending === undefined) stream.end()
        else stream.signal()
      }
      return begin(stream, async () => {
        await watch(stream, token, onEnd)
        return waitForEnd()
      })
    },
    async followRevocations(after, caller) {
      assertScope(caller, 'manage_token', 'follow the record of invalidations')
      const stream = new Stream<FeedEvent>()
      return begin(stream, async () => {
        stream.onEnd(feed.join(() => stream.signal()))
        // The right to follow ends with the token that gave it, and with the client behind it.
        if (caller.kind === 'owner') await watch(stream, caller.token, () => stream.end())
        const mayFollow = await watchScope(dependencies, caller, 'manage_token')
        const first = await log.readSince(after, { limit: pageRows, upTo: await feed.settle() })
        return follow({ feed, log, mayFollow }, stream, first)
      })
    },
    endStreams() {
      hasEnded = true
      for (const stream of [...streams]) stream.end()
    },
  }

  /** Answers the stream once it stands: what fails before is an error of the request, not of the stream. */
  async function begin<Value>(
    stream: Stream<Value>,
    prepare: () => Promise<AsyncIterator<Value, void, undefined>>,
  ): Promise<Stream<Value>> {
    streams.add(stream)
    stream.onEnd(() => streams.delete(stream))
    try {
      stream.begin(await prepare())
    } catch (fault) {
      // If it has ended meanwhile, that is what the fault is about.
      if (stream.isOver) return stream
      stream.end()
      throw fault
    }
    if (hasEnded) stream.end()
    return stream
  }
}

/**
 * Calls `onEnd` once an access token is no longer good: with the revocation that ended it, or without when it expired.
 *
 * Whatever ends it is seen, however close to the beginning: first it is put where the feed will find it, then the feed
 * takes its place, and only then the store is asked whether it had ended by then.
 */
function createWatch({ log, store, clock }: SubscriptionsDependencies, feed: Feed) {
  const watchers = createWatchers()
  let leave: (() => void) | undefined

  return async (
    stream: Stream<unknown>,
    { pair, session, expiresAt }: ActiveToken,
    onEnd: (revocation: Revocation | undefined) => void,
  ): Promise<void> => {
    stream.onEnd(add({ token: { half: 'access', pairId: pair.id, session }, onEnd }))
    const expiry = setTimeout(onEnd, expiresAt.getTime() - clock().getTime(), undefined).unref()
    stream.onEnd(() => clearTimeout(expiry))

    await feed.settle()
    const stored = await store.find(pair)
    if (stored !== undefined && !stored.access.isInvalidated) return
    onEnd(await log.findEnding(pair))
  }

  /** All watchers together are one member of the feed. */
  function add(watcher: Parameters<typeof watchers.add>[0]): () => void {
    const remove = watchers.add(watcher)
    leave ??= feed.join(({ revocations }) => {
      for (const revocation of revocations) watchers.notify(revocation)
    })
    return () => {
      remove()
      if (watchers.size > 0) return
      leave?.()
      leave = undefined
    }
  }
}

/**
 * From the feed while the reader keeps up with it, and from the log, up to where the feed is by then, whenever it does
 * not. Both go by the same cursors, so there is no seam to lose anything at.
 */
async function* follow(
  { feed, log, mayFollow }: Following,
  stream: Stream<FeedEvent>,
  first: LogPage,
): AsyncGenerator<FeedEvent, void, undefined> {
  yield eventOf(first)
  let { cursor, hasMore } = first
  while (!stream.isOver) {
    let step: FeedEvent | undefined = feed.after(cursor)
    if (step === undefined && feed.isAt(cursor)) {
      await stream.wait()
      continue
    }
    if (step === undefined) {
      // A page of a reading that is under way ends where that reading does.
      const upTo = hasMore ? undefined : await feed.settle()
      const page = await log.readSince(cursor, { limit: pageRows, upTo })
      hasMore = page.hasMore
      step = page
    }
    cursor = step.cursor
    if (step.revocations.length === 0 && !step.hasGap) continue
    if (!(await mayFollow())) return
    yield eventOf(step)
  }
}

interface Following {
  readonly feed: Feed
  readonly log: SubscriptionsDependencies['log']
  /** Asked before each event. */
  readonly mayFollow: () => Promise<boolean>
}

function eventOf({ cursor, revocations, hasGap }: FeedEvent): FeedEvent {
  return { cursor, revocations, hasGap }
}
