import { type SQL, sql } from 'drizzle-orm'
import type { EmitEvent } from '../../events/events.ts'
import type { Db, SharedClock } from './database.ts'

/** The two clocks of a process. */
export interface ProcessClocks {
  /** The time of day in milliseconds: an operator, or a time server, may set it. */
  readonly wall: () => number
  /** Milliseconds that only run forwards. Whether they run while the machine sleeps depends on the system. */
  readonly running: () => number
}

const processClocks: ProcessClocks = { wall: () => Date.now(), running: () => performance.now() }

/**
 * How far the clock of this machine may be from the database's. Time servers keep machines within a second; retention
 * keeps expired rows for 300 s.
 */
const maxSkewMs = 60_000
/** A measurement that takes longer says less than the one before it. */
const maxRoundTripMs = 2_000
/** If the wall clock has moved by more than this against the running one, the machine slept or its clock was set. */
const maxDriftMs = 1_000

interface Measurement {
  /** The database's clock, less the running one. */
  readonly offsetMs: number
  /** The wall clock, less the running one. */
  readonly wallOffsetMs: number
}

/**
 * The clock of a PostgreSQL server, as it was last measured, and run on from there. It is measured now and at each
 * `check`, and also when the machine's own clock was set or the machine slept, so that a clock of this machine that is
 * wrong changes nothing. The error is at most half of the round trip to the server, and a second after a sleep.
 *
 * A difference to this machine's clock is the event `clock_skewed`, and no rows may be deleted then: it is not known
 * which clock is wrong.
 */
export async function measureDatabaseClock(
  db: Pick<Db, 'select'>,
  { emit, clock, clocks = processClocks }: DatabaseClockOptions,
): Promise<SharedClock> {
  let last: Measurement = await measure(undefined)
  let isSkewed = false
  let isMeasuring = false

  return { now, check }

  function now(): Date {
    const running = clocks.running()
    const driftMs = clocks.wall() - running - last.wallOffsetMs
    if (Math.abs(driftMs) > maxDriftMs && !isMeasuring) void measureAgain()
    return new Date(last.offsetMs + running)
  }

  async function check(): Promise<boolean> {
    last = await measure(last)
    const skewMs = last.wallOffsetMs - last.offsetMs
    const wasSkewed = isSkewed
    isSkewed = Math.abs(skewMs) > maxSkewMs
    if (isSkewed) emit({ name: 'clock_skewed', facts: { seconds: Math.round(skewMs / 1000) } })
    else if (wasSkewed) emit({ name: 'clock_agrees' })
    return !isSkewed
  }

  async function measureAgain(): Promise<void> {
    isMeasuring = true
    // What cannot be measured now is measured by the next `check`, which reports why.
    last = await measure(last).catch(() => ({ ...last, wallOffsetMs: clocks.wall() - clocks.running() }))
    isMeasuring = false
  }

  async function measure(before: Measurement | undefined): Promise<Measurement> {
    const askedAt = clocks.running()
    const [answer] = await db
      .select({ ms: sql`extract(epoch from ${clock}) * 1000`.mapWith(Number) })
      .from(sql`(select) one`)
    const answeredAt = clocks.running()
    if (answer === undefined) throw new Error('The database returned no row about its clock')
    const wallOffsetMs = clocks.wall() - answeredAt
    if (before !== undefined && answeredAt - askedAt > maxRoundTripMs) return { ...before, wallOffsetMs }
    return { offsetMs: answer.ms - (askedAt + answeredAt) / 2, wallOffsetMs }
  }
}

interface DatabaseClockOptions {
  readonly emit: EmitEvent
  /** The instant by the database's clock, as an expression. */
  readonly clock: SQL
  readonly clocks?: ProcessClocks
}

/** How long the embedded engine waits before it deletes rows. */
const settlingMs = 600_000
/** A jump of the clock that no daylight saving and no time server makes. */
const maxJumpMs = 3_600_000

/**
 * The clock of this process, for the embedded engine, which has no other. Rows may be deleted once the process has run
 * for ten minutes since its start and since the last jump of the clock of more than an hour. So a clock that is put
 * right within ten minutes has erased nothing.
 */
export function watchOwnClock(emit: EmitEvent, clocks: ProcessClocks = processClocks): SharedClock {
  let settledAt = clocks.running() + settlingMs
  let lastOffsetMs = clocks.wall() - clocks.running()
  return {
    now: () => new Date(clocks.wall()),
    check: async () => {
      const running = clocks.running()
      const offsetMs = clocks.wall() - running
      const jumpMs = offsetMs - lastOffsetMs
      lastOffsetMs = offsetMs
      if (Math.abs(jumpMs) > maxJumpMs) {
        emit({ name: 'clock_jumped', facts: { seconds: Math.round(jumpMs / 1000) } })
        settledAt = running + settlingMs
      }
      return running >= settledAt
    },
  }
}
