/**
 * The streams that callers read: `watchToken` for the end of one token, `followRevocations` for the whole log,
 * `followForGuard` for a guard. One feed serves all of them.
 *
 * States of a stream:
 * - Preparing: the feed catches up and the first data is read. A failure is an error of the request. Success makes the
 *   stream open.
 * - Open: values are answered as they come. A `watchToken` stream is over after the revocation that ended the token, or
 *   when the token expires. A `followRevocations` stream is over when the caller loses `manage_token`, the caller's
 *   token ends, or the log does not answer; a `followForGuard` stream likewise with `follow_revocations`. All are over when the reader returns, or at `endStreams`.
 * - Over: the stream has left the feed and its timer is cleared.
 * After `endStreams` each new stream is over as soon as it is prepared.
 */
import { dropEvents, type EmitEvent } from '../../events/events.ts'
import { type Observer, observeNothing, type StreamName } from '../../events/observer.ts'
import { type ActiveToken, assertScope, type Caller, tokenOf } from '../caller.ts'
import type { ClientStore } from '../client-store.ts'
import type { Revocation } from '../coverage.ts'
import { watchScope } from '../current-scopes.ts'
import type { LogPage, RevocationLog } from '../revocation-log.ts'
import type { TokenStore } from '../store.ts'
import { createFeed, type Feed, pageRows } from './feed.ts'
import { createGuardFeed, type GuardFeedEvent } from './guard-feed.ts'
import { createGuardSubscriptions } from './guard-subscription.ts'
import { Stream } from './stream.ts'
import { createWatchers } from './watchers.ts'

/** What a caller that follows the log gets at once. */
export interface FeedEvent {
  /** The position after this event. To continue after a lost connection, send it back as `after`. */
  readonly cursor: string
  /** In order of their revision. Empty in the first event of a caller that has missed nothing. */
  readonly revocations: readonly Revocation[]
  /**
   * True if retention has deleted revocations that the caller had not seen, or if the database is another one. The log
   * then starts again from its oldest kept row with this event.
   */
  readonly hasGap: boolean
  /** Names the history of the database. Within one, revisions and ids are never used twice. */
  readonly epoch: string
}

/** The operations that answer with a stream. */
export interface Subscriptions {
  watchToken(caller: Caller): Promise<AsyncIterableIterator<Revocation>>
  followRevocations(after: string | undefined, caller: Caller): Promise<AsyncIterableIterator<FeedEvent>>
  followForGuard(after: string | undefined, caller: Caller): Promise<AsyncIterableIterator<GuardFeedEvent>>
  endStreams(): void
}

/** The dependencies of the subscriptions: a part of `TokensDependencies`. */
export interface SubscriptionsDependencies {
  readonly log: Pick<RevocationLog, 'findEnding' | 'position' | 'readSince' | 'readSections' | 'listen'>
  readonly store: Pick<TokenStore, 'find'>
  readonly clients: Pick<ClientStore, 'findClient'>
  readonly clock: () => Date
  readonly emit?: EmitEvent
  readonly observer?: Pick<Observer, 'feedRead' | 'streamBegun'>
}

export function createSubscriptions(dependencies: SubscriptionsDependencies): Subscriptions {
  const { log, emit = dropEvents, observer = observeNothing, clock } = dependencies
  const feed = createFeed(log, emit, ({ at }) => observer.feedRead(clock().getTime() - at.getTime()))
  const watch = createWatch(dependencies, feed)
  const { begin, endStreams } = createStreams(observer)
  const guardFeed = createGuardFeed(feed)
  const guards = createGuardSubscriptions({ log, guardFeed })
  const clientsOfGuards = joinLookups(dependencies.clients)

  return {
    async watchToken(caller) {
      const token = tokenOf(caller, 'wait for the end of an access token')
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
      return begin('watch_token', stream, async () => {
        await watch(stream, token, onEnd)
        return waitForEnd()
      })
    },
    async followRevocations(after, caller) {
      assertScope(caller, 'manage_token', 'follow the record of invalidations')
      const stream = new Stream<FeedEvent>()
      return begin('follow_revocations', stream, async () => {
        stream.onEnd(feed.join({ onBatch: () => stream.signal() }))
        // The caller may follow until its token ends, or until the client responsible for it loses `manage_token`.
        if (caller.kind === 'owner') await watch(stream, caller.token, () => stream.end())
        const mayFollow = await watchScope(dependencies, caller, 'manage_token')
        const first = await log.readSince(after, { limit: pageRows, upTo: await feed.catchUp() })
        return startWith(
          eventOf(first),
          follow({ feed, log, mayFollow }, stream, { cursor: first.cursor, hasMore: first.hasMore }),
        )
      })
    },
    async followForGuard(after, caller) {
      const arrivedAt = performance.now()
      assertScope(caller, 'follow_revocations', 'follow the revocations for a guard')
      const stream = new Stream<GuardFeedEvent>()
      return begin('follow_for_guard', stream, async () => {
        stream.onEnd(guardFeed.join(() => stream.signal()))
        if (caller.kind === 'owner') await watch(stream, caller.token, () => stream.end())
        const mayFollow = await watchScope({ clients: clientsOfGuards }, caller, 'follow_revocations')
        const events = guards.follow(after, stream, mayFollow)
        const first = await events.next()
        return first.done ? events : startWith({ ...first.value, arrivedAt }, events)
      })
    },
    endStreams,
  }
}

/** The lookups of one client in one turn of the event loop become one: at a heartbeat, all guards ask at once. */
function joinLookups(clients: SubscriptionsDependencies['clients']): SubscriptionsDependencies['clients'] {
  const waiting = new Map<string, ReturnType<typeof clients.findClient>>()
  return {
    findClient(id) {
      const joined =
        waiting.get(id) ??
        new Promise((resolve) => setImmediate(resolve)).then(() => {
          waiting.delete(id)
          return clients.findClient(id)
        })
      waiting.set(id, joined)
      return joined
    },
  }
}

/** The open streams. `endStreams` ends them, and each one that begins later. */
function createStreams({ streamBegun }: Pick<Observer, 'streamBegun'>) {
  const streams = new Set<Stream<unknown>>()
  let hasEnded = false
  return { begin, endStreams }

  function endStreams(): void {
    hasEnded = true
    for (const stream of [...streams]) stream.end()
  }

  /** Answers the stream once it is prepared. A failure before that is an error of the request, not of the stream. */
  async function begin<Value>(
    name: StreamName,
    stream: Stream<Value>,
    prepare: () => Promise<AsyncIterator<Value, void, undefined>>,
  ): Promise<Stream<Value>> {
    streams.add(stream)
    stream.onEnd(() => streams.delete(stream))
    stream.onEnd(streamBegun(name))
    try {
      stream.begin(await prepare())
    } catch (fault) {
      // If the stream has ended meanwhile, its end has caused the fault.
      if (stream.isOver) return stream
      stream.end()
      throw fault
    }
    if (hasEnded) stream.end()
    return stream
  }
}

/**
 * Calls `onEnd` once an access token is no longer valid: with the revocation that ended it, or without one if it
 * expired.
 *
 * The order of the steps matters, so that a revocation during the setup is not missed. First the watcher is added, then
 * the feed catches up, and only then the store is asked whether the token has ended already. A revocation before the
 * position reached is found in the store; one after it comes through the feed.
 */
function createWatch({ log, store, clock }: SubscriptionsDependencies, feed: Feed) {
  const watchers = createWatchers()
  let leaveFeed: (() => void) | undefined

  return async (
    stream: Stream<unknown>,
    { pair, session, expiresAt, clientId }: ActiveToken,
    onEnd: (revocation: Revocation | undefined) => void,
  ): Promise<void> => {
    stream.onEnd(add({ token: { half: 'access', pairId: pair.id, session, clientId }, onEnd }))
    const expiry = setTimeout(onEnd, expiresAt.getTime() - clock().getTime(), undefined).unref()
    stream.onEnd(() => clearTimeout(expiry))

    await feed.catchUp()
    const stored = await store.find(pair)
    if (stored !== undefined && !stored.access.isInvalidated) return
    onEnd(await log.findEnding(pair))
  }

  /** All watchers together are one follower of the feed. */
  function add(watcher: Parameters<typeof watchers.add>[0]): () => void {
    const remove = watchers.add(watcher)
    leaveFeed ??= feed.join({
      onBatch: ({ revocations }) => {
        for (const revocation of revocations) watchers.notify(revocation)
      },
    })
    return () => {
      remove()
      if (watchers.size > 0) return
      leaveFeed?.()
      leaveFeed = undefined
    }
  }
}

/** The first value, and then those of the source. The first is not kept: it may be long, and the stream lasts. */
function startWith<Value>(first: Value, rest: AsyncIterator<Value, void, undefined>): typeof rest {
  let unread: Value | undefined = first
  return {
    async next() {
      if (unread === undefined) return rest.next()
      const value = unread
      unread = undefined
      return { done: false, value }
    },
  }
}

/**
 * The events after a position. While the reader keeps up with the feed, they come from the batches that the feed keeps.
 * Otherwise they are read from the log, up to the position of the feed at that time. Both use the same cursors, so no
 * revocation is lost when the source changes.
 */
async function* follow(
  { feed, log, mayFollow }: Following,
  stream: Stream<FeedEvent>,
  position: Pick<LogPage, 'cursor' | 'hasMore'>,
): AsyncGenerator<FeedEvent, void, undefined> {
  let { cursor, hasMore } = position
  while (!stream.isOver) {
    let step: FeedEvent | undefined = feed.batchAfter(cursor)
    if (step === undefined && feed.isAt(cursor)) {
      await stream.wait()
      continue
    }
    if (step === undefined) {
      // While more pages of a reading remain, the cursor itself says where that reading ends.
      const upTo = hasMore ? undefined : await feed.catchUp()
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
  /** Called before each event. */
  readonly mayFollow: () => Promise<boolean>
}

function eventOf({ cursor, revocations, hasGap, epoch }: FeedEvent): FeedEvent {
  return { cursor, revocations, hasGap, epoch }
}
