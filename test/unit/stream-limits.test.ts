import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import { createRoutes, type RoutesDependencies } from '../../src/http/routes.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'
import { basic } from '../support/basic.ts'
import { type EventStream, subscribe } from '../support/event-stream.ts'
import { noTokens } from '../support/no-tokens.ts'

const reports: ServiceEvent[] = []
const opened: EventStream[] = []
let server: RunningServer | undefined
beforeEach(() => {
  reports.length = 0
})
afterEach(async () => {
  for (const stream of opened.splice(0)) await stream.close()
  await server?.stop()
  server = undefined
})

/** Follows nothing until it is ended. */
function endless() {
  let end: (result: { readonly done: true; readonly value: undefined }) => void = () => undefined
  const over = new Promise<{ readonly done: true; readonly value: undefined }>((resolve) => {
    end = resolve
  })
  const finish = () => end({ done: true, value: undefined })
  const stream = {
    next: () => over,
    return: () => {
      finish()
      return over
    },
    [Symbol.asyncIterator]: () => stream,
  }
  return { stream, finish }
}

const following: Tokens = {
  ...noTokens,
  authenticate: async (credentials) => {
    if (credentials.kind !== 'client') throw new Error('Expected a client')
    return { kind: 'client', clientId: credentials.id, scopes: ['manage_token'] }
  },
  followRevocations: async () => endless().stream,
}

interface Given extends Pick<RoutesDependencies, 'maxStreams' | 'maxStreamsPerCaller'> {
  readonly tokens?: Tokens
}

const dependencies = ({ tokens = following, ...limits }: Given) => ({
  ...limits,
  tokens,
  assertReady: async () => undefined,
  emit: (event: ServiceEvent) => void reports.push(event),
})

const ways: readonly (readonly [name: string, open: (given: Given) => Promise<Handler>])[] = [
  ['a mounted handler', async (given) => createHandler(dependencies(given))],
  [
    'a server',
    async (given) => {
      const { emit, ...rest } = dependencies(given)
      const running = await startServer({ routes: createRoutes({ ...rest, emit }), emit, port: 0, host: '127.0.0.1' })
      server = running
      return (request) => fetch(new Request(request.url.replace('http://localhost', running.origin), request))
    },
  ],
]

async function open(handler: Handler, caller: string, { signal } = new AbortController()): Promise<EventStream> {
  const options = { query: 'subscription { revocationFeed { cursor } }', authorization: basic(caller, 'x') }
  const stream = await subscribe((request) => handler(new Request(request, { signal })), options)
  opened.push(stream)
  return stream
}

describe.each(ways)('at %s', (_way, start) => {
  test('a caller has at most as many streams as it may, and another caller has its own', async () => {
    const handler = await start({ maxStreamsPerCaller: 2 })
    const first = [await open(handler, 'a'), await open(handler, 'a')]

    const [third, other] = [await open(handler, 'a'), await open(handler, 'b')]

    expect(first.map(({ status }) => status)).toEqual([200, 200])
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '10'])
    expect((await third.next()).errors[0].extensions).toEqual({ code: 'RATE_LIMITED' })
    expect(other.status).toBe(200)
    expect(reports).toEqual([{ name: 'stream_refused', facts: { limited: 'caller', most: 2 } }])
  })

  test('a process has at most as many streams as it may', async () => {
    const handler = await start({ maxStreams: 1 })
    await open(handler, 'a')

    const second = await open(handler, 'b')

    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '10'])
    expect(reports).toEqual([{ name: 'stream_refused', facts: { limited: 'process', most: 1 } }])
  })

  test('a stream that its client leaves gives its place back', async () => {
    const handler = await start({ maxStreams: 1 })
    const leaving = new AbortController()
    await open(handler, 'a', leaving)

    leaving.abort()

    await expect.poll(async () => (await open(handler, 'a')).status).toBe(200)
  })

  test('a stream that ends gives its place back', async () => {
    const { stream, finish } = endless()
    const handler = await start({ maxStreams: 1, tokens: { ...following, followRevocations: async () => stream } })
    const first = await open(handler, 'a')

    finish()

    expect(await first.next()).toBe('complete')
    expect((await open(handler, 'a')).status).toBe(200)
  })

  test('a subscription that fails takes no place', async () => {
    const handler = await start({
      maxStreams: 1,
      tokens: { ...following, followRevocations: noTokens.followRevocations },
    })

    const statuses = [(await open(handler, 'a')).status, (await open(handler, 'a')).status]

    expect(statuses).toEqual([500, 500])
  })

  test('few streams are opened at a time, and other requests do not wait for them', async () => {
    const waiting: (() => void)[] = []
    const followRevocations = async () => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return endless().stream
    }
    const handler = await start({ tokens: { ...following, followRevocations } })
    const streams = Array.from({ length: 40 }, () => open(handler, 'a'))
    await expect.poll(() => waiting.length).toBe(32)

    const answer = await handler(new Request('http://localhost/graphql?query={__typename}'))

    expect(answer.status).toBe(200)
    expect(waiting.length).toBe(32)
    for (const next of waiting.splice(0)) next()
    await expect.poll(() => waiting.length).toBe(8)
    for (const next of waiting) next()
    expect((await Promise.all(streams)).every(({ status }) => status === 200)).toBe(true)
  })
})
