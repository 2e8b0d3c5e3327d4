import { readFileSync } from 'node:fs'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findPort } from '../../scripts/lib/postgres.ts'
import { limitNames } from '../../src/events/events.ts'
import { statementNames } from '../../src/events/observer.ts'
import type { EndedRequest } from '../../src/events/request-observer.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { startObservability } from '../../src/observability/observability.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { createTokens } from '../../src/tokens/tokens.ts'
import { subscribe } from '../support/event-stream.ts'
import { asAdmin, useTestService } from '../support/service.ts'

const service = useTestService()

const requests: EndedRequest[] = []
const spans = new InMemorySpanExporter()
let server: RunningServer
let metricsUrl: string
let stop: () => Promise<void>
beforeAll(async () => {
  // As a program registers OpenTelemetry's SDK before it starts the service.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  const place = { port: await findPort(), host: '127.0.0.1' }
  const observability = await startObservability(place, {
    emit: service.emit,
    onRequest: (ended) => requests.push(ended),
  })
  const { emit, observer } = observability
  const database = { ...service.database, observer }
  observability.watchPools(database)
  const tokens = observability.observe(
    createTokens({
      store: createTokenStore(database),
      log: createRevocationLog(database),
      clients: createClientStore(database),
      lifetimes: { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 },
      clock: service.clock.now,
      emit,
      observer,
    }),
  )
  const routes = createRoutes({ tokens, assertReady: database.ping, emit })
  server = await startServer({
    routes,
    port: 0,
    host: '127.0.0.1',
    emit,
    ...(observability.requests && { observer: observability.requests }),
  })
  metricsUrl = observability.metricsUrl ?? ''
  stop = observability.stop
})
beforeEach(() => spans.reset())
afterAll(async () => {
  await server.stop()
  await stop()
  trace.disable()
  propagation.disable()
  context.disable()
})

type Headers = Readonly<Record<string, string>>

async function ask(query: string, headers: Headers = {}) {
  const response = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })
  return response.json()
}

/** The metrics without their help. */
async function scrape(): Promise<readonly string[]> {
  const response = await fetch(metricsUrl)
  const text = await response.text()
  return text.split('\n').filter((line) => !line.startsWith('#'))
}

const create =
  'mutation { createTokenPair(input: { realmName: "hidden-realm", username: "hidden-name" }) { accessToken refreshToken } }'
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }

test('each request is counted by route and status, each verb by outcome, each statement by its items', async () => {
  const { data } = await ask(create, { authorization: asAdmin })
  await ask(
    `mutation { refreshTokenPair(input: { refreshToken: "${data.createTokenPair.refreshToken}" }) { __typename } }`,
  )
  await ask('{ currentToken { active } }', { authorization: 'Bearer wrong' })
  await fetch(`${server.origin}/nothing-is-here`)

  // A request has ended a moment after its client has read the answer.
  await expect.poll(scrape).toContain('invalidate_token_requests_total{route="other",status="4xx"} 1')
  const lines = await scrape()

  expect(lines).toContain('invalidate_token_requests_total{route="/graphql",status="2xx"} 2')
  expect(lines).toContain('invalidate_token_requests_total{route="/graphql",status="4xx"} 1')
  expect(lines).toContain('invalidate_token_verbs_total{verb="issue",outcome="ok"} 1')
  expect(lines).toContain('invalidate_token_verbs_total{verb="refresh",outcome="refreshed"} 1')
  expect(lines).toContain('invalidate_token_verbs_total{verb="authenticate",outcome="unauthenticated"} 1')
  expect(lines).toContain('invalidate_token_statement_items_count{statement="issue"} 1')
  expect(lines).toContain('invalidate_token_events_total{event="authentication_failed"} 1')
})

test('an event that has not come yet counts zero, so that an alert sees the first one', async () => {
  const lines = await scrape()

  expect(lines).toContain('invalidate_token_events_total{event="database_restored"} 0')
  expect(lines).toContain('invalidate_token_events_total{event="feed_resumed"} 0')
})

test('every limit and every statement that can fail counts from zero', async () => {
  const lines = await scrape()

  for (const limit of limitNames) expect(lines).toContain(`invalidate_token_rate_limited_total{limit="${limit}"} 0`)
  for (const name of statementNames)
    expect(lines).toContain(`invalidate_token_statement_failures_total{statement="${name}"} 0`)
})

test('open streams are counted by their verb, and open connections', async () => {
  const before = await scrape()
  const query = 'subscription { revocationFeed { cursor } }'
  const toServer = (request: Request) => fetch(`${server.origin}/graphql`, request)
  const stream = await subscribe(toServer, { query, authorization: asAdmin })
  await stream.next()

  const during = await scrape()
  await stream.close()

  expect(before).toContain('invalidate_token_streams{verb="follow_revocations"} 0')
  expect(during).toContain('invalidate_token_streams{verb="follow_revocations"} 1')
  expect(during).toContain('invalidate_token_streams{verb="watch_token"} 0')
  expect(during.find((line) => line.startsWith('invalidate_token_connections '))).toMatch(/ [1-9]\d*$/)
  await expect.poll(scrape).toContain('invalidate_token_streams{verb="follow_revocations"} 0')
})

describe('docs/operate.md shows', () => {
  const page = readFileSync('docs/operate.md', 'utf8')
  const blockWith = (text: string) =>
    [...page.matchAll(/```text\n([^`]*)\n```/g)].map(([, block = '']) => block).find((block) => block.includes(text)) ??
    ''

  test('metrics that exist, with labels that they have', async () => {
    const { data } = await ask(create, { authorization: asAdmin })
    await ask(
      `mutation { refreshTokenPair(input: { refreshToken: "${data.createTokenPair.refreshToken}" }) { __typename } }`,
    )
    const withoutValue = (line: string) => line.replace(/ [\d.e+-]+$/, '')

    const scraped = (await scrape()).map(withoutValue)

    expect(scraped).toEqual(
      expect.arrayContaining(blockWith('invalidate_token_requests_total').split('\n').map(withoutValue)),
    )
  })

  test('the spans of a request, as an exporter gets them', async () => {
    await ask(create, { authorization: asAdmin, ...traceparent })
    await expect.poll(() => spans.getFinishedSpans().map(({ name }) => name)).toContain('POST /graphql')

    const finished = spans
      .getFinishedSpans()
      .toSorted((one, other) => one.startTime[0] - other.startTime[0] || one.startTime[1] - other.startTime[1])
    const tree = (parent: string | undefined, depth: number): readonly string[] =>
      finished
        .filter((span) => span.parentSpanContext?.spanId === parent)
        .flatMap((span) => {
          const attributes = Object.entries(span.attributes)
            .toSorted()
            .map(([name, value]) => `${name}=${value}`)
          const line = ['  '.repeat(depth) + span.name, ...attributes].join(' ')
          return [line, ...tree(span.spanContext().spanId, depth + 1)]
        })

    expect(tree('00f067aa0ba902b7', 0)).toEqual(
      blockWith('verb authenticate')
        .replaceAll(/(?<=\S) +/g, ' ')
        .split('\n'),
    )
  })
})

test('a request continues the trace of its caller, with a span for each verb and statement', async () => {
  await ask(create, { authorization: asAdmin, ...traceparent })
  await expect.poll(() => spans.getFinishedSpans().map(({ name }) => name)).toContain('POST /graphql')

  const finished = spans.getFinishedSpans()
  const find = (name: string) => finished.find((span) => span.name === name)
  const request = find('POST /graphql')

  expect(request?.parentSpanContext?.spanId).toBe('00f067aa0ba902b7')
  expect(new Set(finished.map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]))
  expect(find('verb issue')?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
  expect(find('statement issue')?.parentSpanContext?.spanId).toBe(find('verb issue')?.spanContext().spanId)
  expect(find('statement issue')?.links.map((link) => link.context.spanId)).toEqual([
    find('verb issue')?.spanContext().spanId,
  ])
  expect(request?.attributes).toEqual({
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'http.route': '/graphql',
  })
})

test('each request is reported once it has ended, by names that were checked', async () => {
  requests.length = 0
  const headers = { authorization: asAdmin, 'x-request-id': 'from-the-proxy' }
  await ask('query WhoAmI { currentToken { active } }', headers)
  await ask('query AVeryLongNameThatCouldAsWellBeASecret { __typename }')
  await fetch(`${server.origin}/nothing-is-here?token=secret`)
  await expect.poll(() => requests.length).toBe(3)

  const [first, second, third] = requests

  expect(first).toEqual({
    id: 'from-the-proxy',
    method: 'POST',
    route: '/graphql',
    operation: 'WhoAmI',
    caller: 'client:admin',
    address: '127.0.0.1',
    status: 200,
    outcome: 'answered',
    isStream: false,
    milliseconds: expect.any(Number),
  })
  expect(second?.operation).toBeUndefined()
  expect([third?.route, third?.status]).toEqual([undefined, 404])
  expect(JSON.stringify(requests)).not.toContain('secret')
})

test('no token, no secret and no name of an owner is in a metric or in a span', async () => {
  const { data } = await ask(create, { authorization: asAdmin, ...traceparent })
  const { accessToken, refreshToken } = data.createTokenPair
  await ask(`mutation { invalidateToken(input: { token: "${accessToken}" }) { errorCount } }`)
  await ask(`mutation { refreshTokenPair(input: { refreshToken: "${refreshToken}" }) { __typename } }`)
  await fetch(`${server.origin}/${accessToken}?token=${refreshToken}`, { method: 'PUT' })

  const seen =
    (await scrape()).join('\n') +
    JSON.stringify(
      spans.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
    )

  for (const secret of [accessToken, refreshToken, 'hidden-realm', 'hidden-name', asAdmin])
    expect(seen).not.toContain(secret)
})

test('the port of the metrics answers metrics and nothing else, and says so when it is taken', async () => {
  const { port } = new URL(metricsUrl)

  expect((await fetch(metricsUrl, { method: 'POST' })).status).toBe(405)
  expect((await fetch(new URL('/graphql', metricsUrl))).status).toBe(404)
  await expect(startObservability({ port: Number(port), host: '127.0.0.1' }, service)).rejects.toMatchObject({
    code: 'ERR_CONFIGURATION',
    message: `Port ${port} on 127.0.0.1 is taken: stop the other program, or choose another METRICS_PORT.`,
  })
})
