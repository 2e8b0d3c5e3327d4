import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Admit, RequestFacts } from '../../src/http/admission.ts'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'
import { noTokens } from '../support/no-tokens.ts'
import { admin, asAdmin, openTestService, type TestService } from '../support/service.ts'

let service: TestService
/** Without a policy. */
let unguarded: Served
/** With the policy of the test. */
let guarded: Served
/** Mounted without our server, with the same policy. */
let mounted: Handler
let policy: Admit = () => undefined
/** The requests that the policy was asked about. */
const asked: RequestFacts[] = []
/** The verbs that were called. */
const calls: string[] = []
let fastAnswers = 0

beforeAll(async () => {
  service = await openTestService()
  unguarded = await serve(undefined)
  guarded = await serve(askPolicy)
  mounted = createHandler(dependencies(askPolicy))
})
beforeEach(async () => {
  await service.clear()
  policy = () => undefined
  for (const list of [asked, calls]) list.length = 0
  fastAnswers = 0
})
afterAll(async () => {
  await Promise.all([unguarded.server.stop(), guarded.server.stop()])
  await service.close()
})

const askPolicy: Admit = (request) => {
  asked.push(request)
  return policy(request)
}
const refusal = {
  status: 429,
  headers: { 'retry-after': '60', 'content-type': 'text/plain' },
  body: 'Too many requests.',
}

/** The verbs, decorated as a policy would: each call is counted. */
function countCalls(tokens: Tokens): Tokens {
  const count = <Answer>(verb: string & keyof Tokens, answer: Answer): Answer => {
    calls.push(verb)
    return answer
  }
  return {
    ...tokens,
    authenticate: (...given) => count('authenticate', tokens.authenticate(...given)),
    issue: (...given) => count('issue', tokens.issue(...given)),
    refresh: (...given) => count('refresh', tokens.refresh(...given)),
    refreshOnTerms: (...given) => count('refreshOnTerms', tokens.refreshOnTerms(...given)),
    introspect: (...given) => count('introspect', tokens.introspect(...given)),
    invalidate: (...given) => count('invalidate', tokens.invalidate(...given)),
    followRevocations: (...given) => count('followRevocations', tokens.followRevocations(...given)),
  }
}

function dependencies(admit: Admit | undefined) {
  const emit = service.reports.push.bind(service.reports)
  return { tokens: countCalls(service.tokens), assertReady: service.database.ping, admit, emit }
}

type Send = (path: string, init: RequestInit) => Promise<Response>

interface Served {
  readonly server: RunningServer
  readonly send: Send
}

/** A server on a port, which counts the answers of its fast path. */
async function serve(admit: Admit | undefined): Promise<Served> {
  const { emit, ...rest } = dependencies(admit)
  const routes = createRoutes({ ...rest, emit })
  const answer: typeof routes.fastPath.answer = async (...given) => {
    const fastAnswer = await routes.fastPath.answer(...given)
    if (fastAnswer !== undefined) fastAnswers++
    return fastAnswer
  }
  const fastPath = { ...routes.fastPath, answer }
  const server = await startServer({ routes: { ...routes, fastPath }, emit, port: 0, host: '127.0.0.1' })
  return { server, send: (path, init) => fetch(`${server.origin}${path}`, { ...init, redirect: 'manual' }) }
}

const ways: readonly (readonly [name: string, send: Send])[] = [
  ['a server', (path, init) => guarded.send(path, init)],
  ['a handler that is mounted elsewhere', (path, init) => mounted(new Request(`http://localhost${path}`, init))],
]

const json = { 'content-type': 'application/json', authorization: asAdmin }
const sse = { ...json, accept: 'text/event-stream' }
const graphql = (query: string, variables: object = {}) => JSON.stringify({ query, variables })
const feed = 'subscription { revocationFeed { cursor } }'
const invalidate = 'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { errorCount } }'
const fast = { method: 'POST', headers: json, body: graphql(invalidate, { input: { token: 'x' } }) }

/** Reads the beginning of an answer and no more, because a stream has no end. */
async function hangUp({ body }: Response): Promise<void> {
  const reader = body?.getReader()
  await reader?.read()
  await reader?.cancel()
}

type Sent = readonly [name: string, path: string, init: RequestInit]
const { table } = createRoutes({ tokens: noTokens, assertReady: async () => undefined, emit: () => undefined })
/** Each route, GraphQL by each path and protocol, and requests that no route answers. */
const requests: readonly Sent[] = [
  ...table.map(({ method, path }): Sent => [`${method} ${path}`, path, { method }]),
  ['the fast path', '/graphql', fast],
  ['a POST that leaves the fast path', '/graphql', { ...fast, body: graphql('{ nothing }') }],
  ['a POST to Yoga', '/graphql', { ...fast, headers: { ...json, accept: 'application/json, */*' } }],
  ['a GET to Yoga', '/graphql?query={__typename}', { headers: json }],
  ['a subscription by POST', '/graphql', { method: 'POST', headers: sse, body: graphql(feed) }],
  ['a subscription by GET', `/graphql?query=${encodeURIComponent(feed)}`, { headers: sse }],
  ['GraphiQL', '/graphql', { headers: { accept: 'text/html' } }],
  ['a path without a route', '/nothing', {}],
  ['a method without a route', '/oauth2/revoke', { method: 'PUT' }],
  ['a HEAD without a route', '/oauth2/revoke', { method: 'HEAD' }],
  ['an OPTIONS without a route', '/health', { method: 'OPTIONS' }],
]

describe.each(ways)('by %s', (_way, send) => {
  test.each(requests)('a refusal applies to %s, and no verb is called', async (_name, path, init) => {
    policy = () => refusal

    const answer = await send(path, init)

    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('60')
    if (init.method !== 'HEAD') expect(await answer.text()).toBe(refusal.body)
    expect(asked.map(({ method, path: askedPath }) => [method, askedPath])).toEqual([
      [init.method ?? 'GET', path.split('?')[0]],
    ])
    expect(calls).toEqual([])
  })

  test.each(requests)('an admitted request is asked about once: %s', async (_name, path, init) => {
    const answer = await send(path, init)
    await hangUp(answer)

    expect(answer.status).not.toBe(429)
    expect(asked).toHaveLength(1)
  })

  test('a policy reads headers, one that it does not find as undefined', async () => {
    await send('/graphql', fast)

    expect(asked[0]?.header('authorization')).toBe(asAdmin)
    expect(asked[0]?.header('x-forwarded-for')).toBeUndefined()
  })

  test('what a policy throws is an event, and its request is refused', async () => {
    const error = new Error('no policy')
    policy = () => {
      throw error
    }

    const answers = [await send('/graphql', fast), await send('/health', {})]

    expect(answers.map(({ status }) => status)).toEqual([500, 500])
    expect(await answers[0]?.text()).toBe('{"message":"Unexpected error."}')
    expect(service.reports).toEqual(Array.from({ length: 2 }, () => ({ name: 'unexpected_error', error })))
    expect(calls).toEqual([])
  })

  test('a refusal may have no body', async () => {
    policy = () => ({ status: 204, headers: {}, body: '' })

    expect((await send('/graphql', fast)).status).toBe(204)
  })
})

test('a request with an ambiguous `Host` reaches neither the policy nor the fast path', async () => {
  const port = Number(new URL(guarded.server.origin).port)
  const ask = async (...hosts: readonly string[]) => {
    const socket = connect(port, '127.0.0.1')
    const head = ['POST /graphql HTTP/1.1', ...hosts.map((host) => `Host: ${host}`), 'Connection: close']
    const type = ['Content-Type: application/json', `Content-Length: ${fast.body.length}`]
    socket.write(`${[...head, ...type].join('\r\n')}\r\n\r\n${fast.body}`)
    return /^HTTP\/1\.1 (\d+)/.exec(await text(socket))?.[1]
  }

  expect([await ask('a', 'b'), await ask('x/health?')]).toEqual(['400', '400'])
  expect([asked, calls, fastAnswers]).toEqual([[], [], 0])

  expect(await ask('a')).toBe('200')
  expect(fastAnswers).toBe(1)
})

describe('a decorator of the verbs sees the calls of every dialect', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const withToken = (query: string, token: string) => ({ ...fast, body: graphql(query.replace('TOKEN', token)) })
  const literal = 'mutation { invalidateToken(input: { token: "TOKEN" }) { errorCount } }'
  const subject = JSON.stringify({ sub_id: { format: 'opaque', id: 'staff/alice' } })
  const dialects: readonly (readonly [name: string, path: string, init: (token: string) => RequestInit])[] = [
    ['GraphQL by the fast path', '/graphql', (token) => ({ ...fast, body: graphql(invalidate, { input: { token } }) })],
    ['GraphQL by the full path', '/graphql', (token) => withToken(literal, token)],
    [
      'Elasticsearch 7 and later',
      '/_security/oauth2/token',
      (token) => ({ method: 'DELETE', headers: json, body: JSON.stringify({ token }) }),
    ],
    [
      'Elasticsearch 6',
      '/_xpack/security/oauth2/token',
      (token) => ({ method: 'DELETE', headers: json, body: JSON.stringify({ token }) }),
    ],
    ['RFC 7009', '/oauth2/revoke', (token) => ({ method: 'POST', headers: form, body: `token=${token}` })],
    [
      'Global Token Revocation',
      '/oauth2/global-token-revocation',
      () => ({ method: 'POST', headers: json, body: subject }),
    ],
  ]

  test.each(dialects)('%s', async (name, path, init) => {
    const { accessToken }: IssuedPair = await service.tokens.issue(
      { owner: { realm: 'staff', username: 'alice' } },
      admin,
    )

    const { ok } = await unguarded.send(path, init(accessToken))

    expect([ok, fastAnswers]).toEqual([true, name.includes('fast') ? 1 : 0])
    expect(calls.filter((verb) => verb === 'invalidate')).toEqual(['invalidate'])
    expect((await service.tokens.introspect(accessToken, admin)).active).toBe(false)
  })

  test.each(requests.filter(([name]) => name.startsWith('a subscription')))('%s', async (_name, path, init) => {
    await hangUp(await unguarded.send(path, init))

    expect(calls).toEqual(['authenticate', 'followRevocations'])
  })
})
