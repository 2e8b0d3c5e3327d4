import { fc, test as property } from '@fast-check/vitest'
import { expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import type { ClientCaller } from '../../src/tokens/caller.ts'
import type { Revocation } from '../../src/tokens/coverage.ts'
import { mostRows, pageRows } from '../../src/tokens/live/feed.ts'
import { createSubscriptions, type FeedEvent } from '../../src/tokens/live/subscriptions.ts'
import type { LogPage, SinceOptions } from '../../src/tokens/revocation-log.ts'

const guard: ClientCaller = { kind: 'client', clientId: 'guard', scopes: ['manage_token'] }

const revocation = (revision: number): Revocation => ({
  revision,
  selector: 'owner',
  pairId: undefined,
  sessionId: undefined,
  realm: 'staff',
  username: 'alice',
  clientId: undefined,
  bound: revision,
  sparedSessionId: undefined,
  at: new Date(0),
  caller: 'client:admin',
  reason: undefined,
  comment: undefined,
  counts: undefined,
})

/**
 * A log with its rows in the order in which they became visible. A cursor is the number of rows that were read. Reads
 * fail as often as `fail` says.
 */
function createFakeLog() {
  const rows: Revocation[] = []
  const listeners = new Set<() => void>()
  const reads = { rows: 0, begun: 0 }
  let failures = 0
  const read = async <Answer>(answer: () => Answer): Promise<Answer> => {
    reads.begun++
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (failures-- > 0) throw new Error('The log is unavailable')
    return answer()
  }
  return {
    reads,
    listeners,
    append(count: number) {
      for (let n = 0; n < count; n++) rows.push(revocation(rows.length + 1))
    },
    notify() {
      for (const listener of listeners) listener()
    },
    fail(times: number) {
      failures = times
    },
    /** What the subscriptions depend on. */
    dependencies: {
      clock: () => new Date(),
      store: { find: async () => undefined },
      clients: { findClient: async () => undefined },
      log: {
        findEnding: async () => undefined,
        position: () => read(() => String(rows.length)),
        readSince: (cursor: string | undefined, { limit, upTo = String(rows.length) }: SinceOptions) =>
          read((): LogPage => {
            const from = Number(cursor ?? 0)
            const to = Math.min(Number(upTo), from + limit)
            reads.rows += to - from
            const end = { cursor: String(to), epoch: '1', hasGap: false, hasMore: to < Number(upTo) }
            return { revocations: rows.slice(from, to), ...end }
          }),
        readSections: () => Promise.reject(new Error('Expected no guard')),
        listen(onChange: () => void) {
          const listener = () => onChange()
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      },
    },
  }
}

async function take(stream: AsyncIterator<FeedEvent>, upTo: number): Promise<number[]> {
  const revisions: number[] = []
  while (revisions.at(-1) !== upTo) {
    const { done, value } = await stream.next()
    if (done) throw new Error('The stream ended')
    revisions.push(...value.revocations.map(({ revision }: Revocation) => revision))
  }
  return revisions
}
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, n) => first + n)
const pause = () => new Promise((resolve) => setTimeout(resolve, 30))

test('one reader of the log serves all followers, and stops when the last of them leaves', async () => {
  const log = createFakeLog()
  const { followRevocations } = createSubscriptions(log.dependencies)
  const streams = [await followRevocations(undefined, guard), await followRevocations(undefined, guard)]
  for (const stream of streams) await stream.next()
  expect(log.listeners.size).toBe(1)
  const before = log.reads.begun

  log.append(5)
  log.notify()
  for (const stream of streams) expect(await take(stream, 5)).toEqual(upTo(5))

  expect(log.reads.begun).toBe(before + 1)
  for (const stream of streams) await stream.return?.()
  expect(log.listeners.size).toBe(0)
})

test('a follower that waits ends at once when it closes its stream', async () => {
  const log = createFakeLog()
  const stream = await createSubscriptions(log.dependencies).followRevocations(undefined, guard)
  await stream.next()
  const waiting = stream.next()
  await pause()

  await stream.return?.()

  expect(await waiting).toEqual({ done: true, value: undefined })
  expect(log.listeners.size).toBe(0)
})

test('a follower too slow for the rows in memory reads them from the log: every row, once', async () => {
  const log = createFakeLog()
  const { followRevocations } = createSubscriptions(log.dependencies)
  const [slow, quick] = [await followRevocations(undefined, guard), await followRevocations(undefined, guard)]
  await slow.next()
  await quick.next()
  const many = mostRows + 3 * pageRows
  for (let n = 0; n < many; n += pageRows) {
    log.append(pageRows)
    log.notify()
    await take(quick, n + pageRows)
  }
  const last = Math.ceil(many / pageRows) * pageRows
  const before = log.reads.rows

  const read = await take(slow, last)

  expect(read).toEqual(upTo(last))
  expect(log.reads.rows - before).toBeGreaterThan(0)
})

test('a follower that needs only rows in memory causes no read of the log', async () => {
  const log = createFakeLog()
  const { followRevocations } = createSubscriptions(log.dependencies)
  const [slow, quick] = [await followRevocations(undefined, guard), await followRevocations(undefined, guard)]
  await slow.next()
  await quick.next()
  for (let n = 1; n <= 10; n++) {
    log.append(100)
    log.notify()
    await take(quick, n * 100)
  }
  const before = log.reads.begun

  expect(await take(slow, 1000)).toEqual(upTo(1000))

  expect(log.reads.begun).toBe(before)
})

test('while the log is unavailable a stream waits and misses no row, and one event for each outage says so', async () => {
  const log = createFakeLog()
  const events: ServiceEvent[] = []
  const emit = (event: ServiceEvent) => events.push(event)
  const stream = await createSubscriptions({ ...log.dependencies, emit }).followRevocations(undefined, guard)
  await stream.next()

  log.fail(3)
  log.append(3)
  log.notify()

  expect(await take(stream, 3)).toEqual(upTo(3))
  expect(events).toEqual([
    { name: 'feed_delayed', error: new Error('The log is unavailable') },
    { name: 'feed_resumed', facts: { failures: 3 } },
  ])
})

test('a stream that cannot begin says why, and leaves no listener behind', async () => {
  const log = createFakeLog()
  log.fail(1)

  await expect(createSubscriptions(log.dependencies).followRevocations(undefined, guard)).rejects.toThrow(
    'The log is unavailable',
  )

  expect(log.listeners.size).toBe(0)
})

const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('append' as const),
      rows: fc.integer({ min: 1, max: 1200 }),
      isNotified: fc.boolean(),
    }),
    fc.record({ do: fc.constant('read' as const), follower: fc.nat(2) }),
    fc.record({ do: fc.constant('disconnect' as const), follower: fc.nat(2) }),
    fc.record({ do: fc.constant('fail' as const), times: fc.integer({ min: 1, max: 2 }) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(15) }),
  ),
  { minLength: 5, maxLength: 40 },
)

property.prop([steps], { numRuns: 25 })(
  'after appends, reads, disconnects and failures in any order every follower has read every row once',
  async (commands) => {
    const log = createFakeLog()
    const { followRevocations } = createSubscriptions(log.dependencies)
    const followers = [0, 1, 2].map(() => ({
      stream: undefined as AsyncIterableIterator<FeedEvent> | undefined,
      cursor: undefined as string | undefined,
      read: [] as number[],
    }))
    let appended = 0
    const readOnce = async (follower: (typeof followers)[number]) => {
      follower.stream ??= await followRevocations(follower.cursor, guard).catch(() => undefined)
      const step = await follower.stream?.next().catch(() => undefined)
      if (step === undefined || step.done === true) follower.stream = undefined
      else {
        follower.cursor = step.value.cursor
        follower.read.push(...step.value.revocations.map(({ revision }: Revocation) => revision))
      }
    }

    for (const command of commands) {
      const follower = 'follower' in command ? followers[command.follower] : undefined
      if (command.do === 'append') {
        log.append(command.rows)
        appended += command.rows
        if (command.isNotified) log.notify()
      }
      if (command.do === 'fail') log.fail(command.times)
      if (command.do === 'wait') await new Promise((resolve) => setTimeout(resolve, command.ms))
      // Only if there is a row to read: otherwise the read would wait.
      if (follower && command.do === 'read' && (follower.stream === undefined || follower.read.length < appended)) {
        log.notify()
        await readOnce(follower)
      }
      if (follower && command.do === 'disconnect') {
        await follower.stream?.return?.()
        follower.stream = undefined
      }
    }

    log.notify()
    for (const follower of followers) {
      while (follower.read.length < appended) await readOnce(follower)
      expect(follower.read).toEqual(upTo(appended))
      await follower.stream?.return?.()
    }
    expect(log.listeners.size).toBe(0)
  },
)
