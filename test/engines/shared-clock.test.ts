import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import { measureDatabaseClock, watchOwnClock } from '../../src/storage/engine/shared-clock.ts'
import { useTestService } from '../support/service.ts'

const service = useTestService()

const noon = Date.parse('2026-11-21T12:00:00Z')
const minute = 60_000
const hour = 60 * minute

/** The clocks of a process, which the test moves. */
let wall = noon
let running = 0
const clocks = { wall: () => wall, running: () => running }
let events: ServiceEvent[] = []
const emit = (event: ServiceEvent) => void events.push(event)
beforeEach(() => {
  wall = noon
  running = 0
  events = []
})

function pass(ms: number): void {
  wall += ms
  running += ms
}

describe('the clock of a database', () => {
  const at = (ms: number) => sql`${new Date(ms).toISOString()}::timestamptz`
  const open = (databaseMs: number) =>
    measureDatabaseClock(service.database.db, { emit, clock: at(databaseMs), clocks })

  test.for([0, 25 * hour, -25 * hour, 31 * 24 * hour])(
    'is what counts where the clock of the process is wrong by %d ms',
    async (skew) => {
      wall = noon + skew
      const time = await open(noon)

      pass(5 * minute)

      expect(time.now().getTime()).toBe(noon + 5 * minute)
    },
  )

  test('is not moved by a step of the clock of the process', async () => {
    const time = await open(noon)

    wall += 25 * hour

    expect(time.now().getTime()).toBe(noon)
  })

  test('is measured again after the machine has slept, when the running clock stood still', async () => {
    const time = await open(noon)

    pass(minute)
    wall += 8 * hour
    time.now()

    // The clock of this database stands still, so what is measured now is noon again.
    await expect.poll(() => time.now().getTime()).toBe(noon)
  })

  test.for([25 * hour, -25 * hour, 61_000])(
    'forbids to delete while they differ by %d ms, and says so',
    async (skew) => {
      wall = noon + skew
      const time = await open(noon)

      const during = await time.check()
      wall = noon
      const after = await time.check()

      expect([during, after]).toEqual([false, true])
      expect(events).toEqual([{ name: 'clock_skewed', facts: { seconds: skew / 1000 } }, { name: 'clock_agrees' }])
    },
  )

  test('allows to delete while they differ by less than a minute', async () => {
    wall = noon + 59_000
    const time = await open(noon)

    expect(await time.check()).toBe(true)
    expect(events).toEqual([])
  })
})

describe('the clock of a process, for the embedded database, forbids to delete', () => {
  test('for the first ten minutes', async () => {
    const time = watchOwnClock(emit, clocks)

    pass(10 * minute - 1)
    const before = await time.check()
    pass(1)

    expect([before, await time.check()]).toEqual([false, true])
    expect(events).toEqual([])
  })

  test.for([25 * hour, -25 * hour])('for ten minutes after a jump of %d ms, and says so', async (jump) => {
    const time = watchOwnClock(emit, clocks)
    pass(hour)

    wall += jump
    const after = await time.check()
    pass(10 * minute - 1)
    const before = await time.check()
    pass(1)

    expect([after, before, await time.check()]).toEqual([false, false, true])
    expect(events).toEqual([{ name: 'clock_jumped', facts: { seconds: jump / 1000 } }])
  })

  test('not after a change of an hour or less, as a time server or an operator makes it', async () => {
    const time = watchOwnClock(emit, clocks)
    pass(hour)

    wall += hour

    expect(await time.check()).toBe(true)
    expect(events).toEqual([])
  })
})
