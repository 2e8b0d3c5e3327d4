import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { events, type ServiceEvent } from '../../src/events/events.ts'
import { limitRepeats } from '../../src/events/limit-repeats.ts'
import { createLogger, logEvents } from '../../src/telemetry.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const names = Object.keys(events)

function read(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== 'events/events.ts' && path !== 'unit/events.test.ts')
    .map((path) => readFileSync(join(root, folder, path), 'utf8'))
}

describe('the table of events', () => {
  test.each(names)('%s is reported by the code, and a test provokes it', (name) => {
    // The compiler refuses a name in the code that is not in the table.
    expect(read('src').some((text) => text.includes(`'${name}'`))).toBe(true)
    expect(read('test').some((text) => text.includes(`'${name}'`))).toBe(true)
  })

  test('a name is a fact in lower case, with words between', () => {
    expect(names.filter((name) => !/^[a-z]+(_[a-z]+)+$/.test(name))).toEqual([])
  })
})

describe('a repeated event', () => {
  let emitted: ServiceEvent[]
  let emit: (event: ServiceEvent) => void
  beforeEach(() => {
    vi.useFakeTimers()
    emitted = []
    emit = limitRepeats((event) => emitted.push(event))
  })
  afterEach(() => {
    vi.useRealTimers()
  })
  const error = new Error('gone')
  const outage: ServiceEvent = { name: 'database_unreachable', error }
  const repeat = (times: number, event: ServiceEvent) => {
    for (let n = 0; n < times; n++) emit(event)
  }

  test('is reported five times a second, and then how often it was left out', () => {
    repeat(100, outage)
    expect(emitted).toEqual(Array.from({ length: 5 }, () => outage))

    vi.advanceTimersByTime(1_000)

    expect(emitted.slice(5)).toEqual([{ ...outage, facts: { leftOut: 95 } }])
  })

  test('is reported again in the next second', () => {
    repeat(6, outage)
    vi.advanceTimersByTime(1_000)

    repeat(1, outage)

    expect(emitted).toHaveLength(7)
    vi.advanceTimersByTime(60_000)
    expect(emitted).toHaveLength(7)
  })

  test('leaves no event of another name or with another error out', () => {
    repeat(6, outage)

    emit({ name: 'retention_failed', error })
    emit({ name: 'database_unreachable', error: new Error('slow') })

    expect(emitted).toHaveLength(7)
  })

  test('is limited too when each has an error of its own', () => {
    for (let n = 0; n < 5_000; n++) emit({ name: 'unexpected_error', error: new Error(`number ${n}`) })

    expect(emitted).toHaveLength(1_005)
  })
})

describe('a line of the log', () => {
  function lineOf(event: ServiceEvent) {
    const lines: string[] = []
    logEvents(createLogger((line) => lines.push(line)))(event)
    expect(lines).toHaveLength(1)
    return JSON.parse(lines[0] ?? '')
  }

  test('has the name, the level, the meaning, the error and the facts of its event', () => {
    const error = new Error('gone', { cause: new Error('why') })

    const line = lineOf({ name: 'count_not_recorded', error, facts: { revision: 7 } })

    expect(line).toMatchObject({
      event: 'count_not_recorded',
      level: 40,
      msg: events.count_not_recorded.meaning,
      err: { message: 'gone', cause: { message: 'why' } },
      revision: 7,
    })
  })

  test('has no error if there was none', () => {
    expect(lineOf({ name: 'listen_connection_restored' })).not.toHaveProperty('err')
  })
})
