import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Guard, GuardOptions, TokenEnd } from '../../src/guard/api.ts'
import type { GuardEvent } from '../../src/guard/events.ts'
import { createGuardWithClocks } from '../../src/guard/guard.ts'
import type { IntrospectedToken } from '../../src/guard/known-token.ts'
import { type GuardSource, SourceError, type SourceEvent } from '../../src/guard/source.ts'
import { encodeBlock, nothingAppended } from '../../src/tokens/block.ts'
import { mintSecrets } from '../../src/tokens/token.ts'

const start = Date.parse('2026-11-27T09:00:00Z')
const expiresAt = new Date(start + 3_600_000)
const tokenOf = (id: number) => mintSecrets().accessToken({ slot: 1, id }, expiresAt)
const token = tokenOf(7)
const found: IntrospectedToken = {
  realmName: 'staff',
  username: 'alice',
  sessionId: '5',
  clientId: 'web',
  scopes: [],
  issuedAt: new Date(start),
  expiresAt,
}

/** A service whose events and answers the test decides, beside clocks that the test moves. */
function startGuard(options: Partial<GuardOptions> = {}) {
  const clocks = { monotonic: 1_000_000, wall: start }
  const events: GuardEvent[] = []
  const connections: { readonly after: string | undefined; push(event: SourceEvent | Error | 'end'): void }[] = []
  const waiting: (() => void)[] = []
  const service = { introspect: async (): Promise<IntrospectedToken | undefined> => found, asked: 0 }
  const source: GuardSource = {
    async *follow(after, signal) {
      const queue: (SourceEvent | Error | 'end')[] = []
      let wake = () => {}
      signal.addEventListener('abort', () => wake())
      const push = (event: SourceEvent | Error | 'end') => {
        queue.push(event)
        wake()
      }
      connections.push({ after, push })
      for (const resume of waiting.splice(0)) resume()
      for (;;) {
        const next = queue.shift()
        if (signal.aborted || next === 'end') return
        if (next instanceof Error) throw next
        if (next !== undefined) yield next
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    introspect: async () => {
      service.asked++
      return service.introspect()
    },
  }
  const guard = createGuardWithClocks(
    { source, onEvent: (event) => events.push(event), ...options },
    { monotonic: () => clocks.monotonic, wall: () => clocks.wall },
  )
  onTestFinished(() => guard.close())
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return {
    guard,
    events,
    clocks,
    service,
    connections,
    connected: async (count: number) => {
      while (connections.length < count) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    /** Time passes, on both clocks. */
    pass(ms: number) {
      clocks.monotonic += ms
      clocks.wall += ms
    },
    /** The service sends an event on the newest connection. */
    async send(event: Partial<SourceEvent> | Error | 'end') {
      const isEvent = typeof event === 'object' && !(event instanceof Error)
      connections.at(-1)?.push(isEvent ? { ...heartbeat, ...event } : event)
      await settle()
    },
  }
}

const heartbeat: SourceEvent = { cursor: 'c', epoch: '1', readAt: 500, hasGap: false, isComplete: true }
const first = { ...heartbeat, arrivedAt: 500 }
const ending = (pairId: number) => ({ block: encodeBlock([{ ...nothingAppended, accessTokens: [pairId] }]) })
const outcome = async (guard: Guard, text = token) => (await guard.check(text)).outcome

describe('how much a guard knows', () => {
  test('nothing before a snapshot is complete', async () => {
    const { guard, send, service } = startGuard()
    expect([guard.status.state, guard.status.stalenessMs]).toEqual(['CATCHING_UP', Number.POSITIVE_INFINITY])

    await send({ ...first, isComplete: false, ...ending(9) })

    expect(guard.status.state).toBe('CATCHING_UP')
    expect(await guard.check(token)).toEqual({
      outcome: 'unsure',
      code: 'REVOCATION_STATE_STALE',
      retryAfterSeconds: 1,
    })
    expect(await outcome(guard, tokenOf(9))).toBe('invalid')
    expect(service.asked).toBe(0)
    await send({})
    expect(await outcome(guard)).toBe('valid')
  })

  test('everything, until its bound has passed since the service began to read', async () => {
    const { guard, send, pass } = startGuard()
    await send(first)
    expect(await outcome(guard)).toBe('valid')

    pass(5_000)
    expect(await outcome(guard)).toBe('valid')
    pass(1)
    expect([await outcome(guard), guard.status.state]).toEqual(['unsure', 'STALE'])
    await send({ readAt: 5_500 })

    expect([await outcome(guard), guard.status.stalenessMs]).toEqual(['valid', 1])
  })

  test('no more by a heartbeat that was held up on its way', async () => {
    const { guard, send, pass } = startGuard()
    await send(first)
    pass(20_000)

    await send({ readAt: 1_500 })

    expect([guard.status.state, guard.status.stalenessMs]).toEqual(['STALE', 19_000])
  })

  test('what it knows to be invalid, also when it is stale', async () => {
    const { guard, send, pass } = startGuard()
    await send({ ...first, ...ending(7) })
    pass(60_000)

    expect([await outcome(guard), await outcome(guard, tokenOf(8))]).toEqual(['invalid', 'unsure'])
  })

  test('less after the machine was suspended, which stops the monotonic clock', async () => {
    const { guard, send, clocks, connections, connected } = startGuard()
    await send(first)

    clocks.wall += 30_000

    expect(await outcome(guard)).toBe('unsure')
    // What this stream says from now on is measured by a clock that was set: another one is opened.
    await send({ readAt: 1_500 })
    await connected(2)
    await send({ ...first, arrivedAt: 9_000, readAt: 9_000 })
    expect([await outcome(guard), connections.at(-1)?.after]).toEqual(['valid', 'c'])
  })

  test('as much after the wall clock was set back', async () => {
    const { guard, send, clocks, pass } = startGuard()
    await send(first)
    clocks.wall -= 200_000
    pass(4_000)
    expect(await outcome(guard)).toBe('valid')

    pass(2_000)

    expect(await outcome(guard)).toBe('unsure')
  })

  test('that a token has expired, by the latest time it has seen, until the clock is set back by more than 300 s', async () => {
    const { guard, send, clocks, events } = startGuard()
    await send(first)
    expect(await outcome(guard)).toBe('valid')
    clocks.wall += 3_600_000
    clocks.monotonic += 3_600_000
    await send({ readAt: 3_600_500 })
    expect(await outcome(guard)).toBe('invalid')

    clocks.wall -= 200_000
    expect(await outcome(guard)).toBe('invalid')
    clocks.wall -= 200_000
    await send({ readAt: 3_600_600 })

    expect([await outcome(guard), events.at(-1)]).toEqual(['valid', { name: 'clock_set_back' }])
  })
})

describe('when the connection to the service', () => {
  test('is lost, it continues from its cursor, and reports that once', async () => {
    const { guard, send, connected, connections, events } = startGuard()
    await send({ ...first, cursor: 'one' })
    await send(new Error('reset'))
    await connected(2)
    expect(connections.at(-1)?.after).toBe('one')

    await send(new SourceError('unreachable', 'no route'))
    await connected(3)
    await send({ ...first, cursor: 'two', ...ending(7) })

    expect(events.filter(({ name }) => name === 'source_failed')).toHaveLength(1)
    expect(await outcome(guard)).toBe('invalid')
  })

  test('is refused, it answers 503 and never 401, and says why', async () => {
    const { guard, send, events } = startGuard()

    await send(new SourceError('refused', 'wrong secret'))

    expect(events).toEqual([{ name: 'credentials_refused', message: 'wrong secret' }])
    expect(await guard.admit(`Bearer ${token}`)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    await expect(guard.ready({ withinMs: 1 })).rejects.toThrow('after 1 ms')
  })

  test('carries what it cannot read, it does not guess', async () => {
    const { guard, send, events } = startGuard()

    await send({ ...first, block: Uint8Array.of(1, 99, 1, 1) })

    expect(events).toMatchObject([{ name: 'source_failed', kind: 'unreadable' }])
    expect(guard.status.state).toBe('CATCHING_UP')
  })
})

describe('when the database', () => {
  test('is another one, it forgets everything, also known tokens and streams', async () => {
    const { guard, send, service, events } = startGuard()
    await send({ ...first, ...ending(8) })
    const verdict = await guard.check(token)
    const ends: TokenEnd[] = []
    if (verdict.outcome === 'valid') guard.watch(verdict.token, (reason) => ends.push(reason))

    await send({ epoch: '2', hasGap: true, isComplete: false })

    expect([guard.status.state, guard.status.knownTokens, guard.status.entries.tokens]).toEqual(['CATCHING_UP', 0, 0])
    expect(ends).toEqual(['reset'])
    expect(events).toContainEqual({ name: 'reset', reason: 'epoch' })
    await send({ epoch: '2' })
    expect([await outcome(guard), service.asked]).toEqual(['valid', 2])
  })

  test('becomes another one while a token is asked for, it asks again', async () => {
    const { guard, send, service } = startGuard()
    await send(first)
    let answer = (_: IntrospectedToken | undefined) => {}
    service.introspect = () => new Promise((resolve) => (answer = resolve))
    const checking = guard.check(token)
    await send({ epoch: '2', hasGap: true })
    service.introspect = async () => undefined

    answer(found)

    expect([(await checking).outcome, service.asked]).toEqual(['invalid', 2])
  })

  test('has lost what the guard had not read, it reads a snapshot and keeps the tokens that it knows', async () => {
    const { guard, send, service } = startGuard()
    await send(first)
    const verdict = await guard.check(token)
    const ends: TokenEnd[] = []
    if (verdict.outcome === 'valid') guard.watch(verdict.token, (reason) => ends.push(reason))

    await send({ hasGap: true, isComplete: false })
    expect(await outcome(guard)).toBe('unsure')
    await send(ending(7))

    expect([await outcome(guard), service.asked, ends]).toEqual(['invalid', 1, ['invalidated']])
  })
})

describe('a token that is seen for the first time', () => {
  test('is refused if it was revoked while the service was asked', async () => {
    const { guard, send, service } = startGuard()
    await send(first)
    let answer = (_: IntrospectedToken | undefined) => {}
    service.introspect = () => new Promise((resolve) => (answer = resolve))
    const checking = guard.check(token)
    await send(ending(7))

    answer(found)

    expect((await checking).outcome).toBe('invalid')
  })

  test('is asked for once at a time, and what is inactive never again', async () => {
    const { guard, send, service } = startGuard()
    await send(first)
    service.introspect = async () => undefined

    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(guard)))

    expect(new Set(outcomes)).toEqual(new Set(['invalid']))
    expect([await outcome(guard), service.asked]).toEqual(['invalid', 1])
  })

  test('is 503 while the service does not answer, and known tokens go on', async () => {
    const { guard, send, service } = startGuard()
    await send(first)
    expect(await outcome(guard)).toBe('valid')
    service.introspect = () => Promise.reject(new SourceError('unreachable', 'down'))

    expect(await guard.check(tokenOf(8))).toEqual({
      outcome: 'unsure',
      code: 'SERVICE_UNAVAILABLE',
      retryAfterSeconds: 1,
    })
    expect(await outcome(guard)).toBe('valid')
  })

  test('is 503 when too many are asked for already', async () => {
    const { guard, send, service } = startGuard({ asking: { atOnce: 2, waiting: 1 } })
    await send(first)
    const answers: (() => void)[] = []
    service.introspect = () => new Promise((resolve) => answers.push(() => resolve(found)))
    const checking = [1, 2, 3, 4].map((id) => outcome(guard, tokenOf(id)))

    expect(await checking[3]).toBe('unsure')
    expect(service.asked).toBe(2)
    while (answers.length > 0) {
      answers.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await Promise.all(checking.slice(0, 3))).toEqual(['valid', 'valid', 'valid'])
  })
})

test('a question that a source never answers is 503 after 5 s, also when it waits', async () => {
  const { guard, send, service } = startGuard({ asking: { atOnce: 1, waiting: 2 } })
  await send(first)
  service.introspect = () => new Promise(() => {})
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())

  const checking = [1, 2].map((id) => outcome(guard, tokenOf(id)))
  await vi.advanceTimersByTimeAsync(5_000)

  expect(await Promise.all(checking)).toEqual(['unsure', 'unsure'])
  expect(guard.status.asking).toBe(0)
})

test('questions that a source never answers are answered when the guard is closed, also those that wait', async () => {
  const { guard, send, service } = startGuard({ asking: { atOnce: 1, waiting: 2 } })
  await send(first)
  service.introspect = () => new Promise(() => {})
  const checking = [1, 2, 3].map((id) => outcome(guard, tokenOf(id)))

  await guard.close()

  expect(await Promise.all(checking)).toEqual(['unsure', 'unsure', 'unsure'])
  expect([service.asked, guard.status.asking]).toEqual([1, 0])
})

test.each([
  ['a header of spaces', `bearer${' '.repeat(200_000)}\n${' '.repeat(200_000)}x`],
  ['a scheme that is cut off', 'bearer'],
  ['a token that is too long', `Bearer ${'x'.repeat(1_000_000)}`],
])('%s is refused', async (_, header) => {
  const { guard, send } = startGuard()
  await send(first)

  expect(await guard.admit(header)).toMatchObject({ ok: false, status: 401 })
})

test.each(['bearers x', 'bearer1', 'Basic bearer', 'bear', ''])(
  'another scheme is for somebody else: %j',
  async (header) => {
    expect(await startGuard().guard.admit(header)).toEqual({ ok: true, token: undefined })
  },
)

describe('while it does not know enough, a guard', () => {
  test('that asks, asks the service about each token each time', async () => {
    const { guard, send, pass, service } = startGuard({ whenStale: 'ask' })
    expect([await outcome(guard), await outcome(guard), service.asked]).toEqual(['valid', 'valid', 2])

    await send(first)
    pass(6_000)
    service.introspect = () => Promise.reject(new Error('down'))

    expect(await outcome(guard)).toBe('unsure')
  })

  test('that passes, decides by what it knows for a time, counts it, and reports the first', async () => {
    const { guard, send, pass, events } = startGuard({ whenStale: 'pass', passForMs: 10_000 })
    expect(await outcome(guard)).toBe('unsure')
    await send(first)
    expect(await outcome(guard)).toBe('valid')
    await send(ending(8))

    pass(14_000)
    expect([await outcome(guard), await outcome(guard), await outcome(guard, tokenOf(8))]).toEqual([
      'valid',
      'valid',
      'invalid',
    ])
    expect(guard.status.counts.passedWhileStale).toBe(2)
    expect(events.filter(({ name }) => name === 'passing_while_stale')).toHaveLength(1)
    pass(2_000)

    expect(await outcome(guard)).toBe('unsure')
  })
})

test('a fault of a callback does not reach a check, and a fault in a check is 503', async () => {
  const events: GuardEvent[] = []
  const { guard, send } = startGuard({
    onEvent: (event) => {
      events.push(event)
      throw new Error('of the observer')
    },
  })
  await send(first)
  const verdict = await guard.check(token)
  if (verdict.outcome === 'valid')
    guard.watch(verdict.token, () => {
      throw new Error('of the stream')
    })

  await send(ending(7))

  expect(events.at(-1)).toMatchObject({ name: 'check_failed' })
  expect(await outcome(guard)).toBe('invalid')
})

test.each([
  ['maxStalenessMs', { maxStalenessMs: 2_999 }],
  ['maxStalenessMs', { maxStalenessMs: Number.NaN }],
  ['passForMs', { passForMs: -1 }],
  ['knownTokens', { knownTokens: 0 }],
  ['asking.atOnce', { asking: { atOnce: 0 } }],
])('an option that is out of range is refused: %s', (name, options) => {
  expect(() => startGuard(options)).toThrow(`Expected \`${name}\``)
})
