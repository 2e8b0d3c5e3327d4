import { expect, test } from 'vitest'
import { type BlockSection, decodeBlock, joinSections, nothingAppended } from '../../src/tokens/block.ts'
import type { Revocation } from '../../src/tokens/coverage.ts'
import type { Feed } from '../../src/tokens/live/feed.ts'
import { createGuardFeed, type GuardFeedEvent, type Link } from '../../src/tokens/live/guard-feed.ts'

type Follower = Parameters<Feed['join']>[0]

const revocation = (pairId: number): Revocation => ({
  revision: pairId,
  selector: 'access-token',
  pairId,
  sessionId: 1,
  realm: 'staff',
  username: 'alice',
  clientId: undefined,
  bound: undefined,
  sparedSessionId: undefined,
  at: new Date(0),
  caller: 'anonymous',
  reason: undefined,
  comment: undefined,
  counts: undefined,
})

/** The feed of a process, whose readings and notifications the test decides. */
function start() {
  let follower: Follower | undefined
  let readAt = 0
  const read = (cursor: string) => {
    readAt += 1_000
    follower?.onCaughtUp?.({ cursor, epoch: '1', readAt })
  }
  const guardFeed = createGuardFeed({
    join: (joined) => {
      follower = joined
      return () => {}
    },
    catchUp: async () => {
      read('begin')
      return 'begin'
    },
    batchAfter: () => undefined,
    isAt: () => false,
  })
  guardFeed.join(() => {})
  return {
    guardFeed,
    read,
    notify: (accessTokens: readonly number[]) => follower?.onAppended?.({ ...nothingAppended, accessTokens }),
    append: (cursor: string, ...pairIds: readonly number[]) =>
      follower?.onBatch({ cursor, epoch: '1', hasGap: false, revocations: pairIds.map(revocation) }),
  }
}

/** What a reader gets that went on from this link. */
function after(link: Link) {
  const events: GuardFeedEvent[] = []
  for (let next = link.next; next !== undefined; next = next.next) events.push(next.event)
  const content = (upTo = events.length): BlockSection =>
    joinSections(events.slice(0, upTo).flatMap(({ block }) => (block === undefined ? [] : [...decodeBlock(block)])))
  return { events, accessTokens: content().accessTokens, contentUpTo: (count: number) => content(count).accessTokens }
}

test('what a notification said is not sent again when the log shows it', async () => {
  const { guardFeed, notify, append, read } = start()
  const link = await guardFeed.newest()

  notify([7])
  append('next', 7)
  read('next')

  const { events, accessTokens } = after(link)
  expect(accessTokens).toEqual([7])
  expect(events.map(({ cursor }) => cursor)).toEqual(['begin', 'next'])
})

test('a forged notification does not keep a revocation from a reader that began after it', async () => {
  const { guardFeed, notify, append } = start()
  await guardFeed.newest()
  notify([7])
  const link = await guardFeed.newest()

  notify([7])
  append('next', 7)

  expect(after(link).accessTokens).toEqual([7])
})

test('no event has a cursor before everything up to it was sent', async () => {
  const { guardFeed, notify, append, read } = start()
  const link = await guardFeed.newest()
  notify([1])
  // Within the milliseconds in which notifications are collected.
  notify([2])

  append('next', 1, 2)
  read('next')

  const { events, contentUpTo } = after(link)
  const moved = events.findIndex(({ cursor }) => cursor === 'next')
  expect([...contentUpTo(moved)].sort()).toEqual([1, 2])
})

test('what was collected when a reader begins is in its links, or was appended before', async () => {
  const { guardFeed, notify, append } = start()
  await guardFeed.newest()
  notify([1])
  notify([2])

  const link = await guardFeed.newest()
  append('next', 1, 2)

  expect([...after(link).accessTokens].sort()).toEqual([1, 2])
})
