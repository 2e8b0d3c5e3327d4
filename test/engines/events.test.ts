import { connect, Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { sql } from 'drizzle-orm'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { RouteHandler } from '../../src/http/request-context.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { startServer } from '../../src/server/server.ts'
import { startRetention } from '../../src/storage/retention.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { createLogger, logEvents } from '../../src/telemetry.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { post } from '../support/oauth.ts'
import { admin, adminSecret, asAdmin, ask, openTestService, type TestService } from '../support/service.ts'

/** The owner of all tokens here: a parameter of every statement. */
const username = 'mallory'

let service: TestService
let pair: IssuedPair
beforeAll(async () => {
  service = await openTestService()
})
beforeEach(async () => {
  await service.clear()
  pair = await service.tokens.issue({ owner: { realm: 'staff', username } }, admin)
})
afterAll(() => service.close())

/** The names of the events since the test began. Their evidence, logged or printed, holds no secret and no parameter. */
function reported(): readonly string[] {
  const lines: string[] = []
  service.reports.forEach(logEvents(createLogger((line) => lines.push(line))))
  const evidence = [...lines, inspect(service.reports, { depth: Number.POSITIVE_INFINITY })].join('\n')
  for (const secret of [pair.accessToken, refreshToken(), adminSecret, username]) expect(evidence).not.toContain(secret)
  return service.reports.map(({ name }) => name)
}
const refreshToken = () => pair.refresh?.token ?? ''
const endAll = () => service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }, admin)

/** Every such write fails with this SQLSTATE while `run` runs. */
async function whileFailing<Answer>(write: string, state: string, run: () => Promise<Answer>): Promise<Answer> {
  const { db } = service.database
  const raise = `begin raise exception 'no' using errcode = '${state}', detail = '${username}'; end`
  await db.execute(sql.raw(`create function fail() returns trigger language plpgsql as $$ ${raise} $$`))
  await db.execute(sql.raw(`create trigger fail before ${write} execute function fail()`))
  try {
    return await run()
  } finally {
    await db.execute(sql.raw('drop function fail cascade'))
  }
}

describe('a request that fails', () => {
  const create = `mutation { createTokenPair(input: { realmName: "staff", username: "${username}" }) { accessToken } }`
  const refresh = () => ({ grant_type: 'refresh_token', refresh_token: refreshToken() })
  const askElasticsearch = () =>
    service.handler(
      new Request('http://localhost/_security/oauth2/token', {
        method: 'POST',
        headers: { authorization: asAdmin, 'content-type': 'application/json' },
        body: JSON.stringify(refresh()),
      }),
    )

  test.each([
    ['unexpected_error', 'XX000', 500],
    ['database_unreachable', '57P01', 503],
  ] as const)('is the event %s, in every dialect', async (name, state, expected) => {
    const answers = await whileFailing('insert or update on token_pairs', state, async () => [
      await ask(service.handler, create, { authorization: asAdmin }),
      await post(service.handler, '/oauth2/token', refresh()),
      await askElasticsearch(),
    ])

    expect(answers.map(({ status }) => status)).toEqual([expected, expected, expected])
    expect(reported()).toEqual([name, name, name])
  })

  test('is no event if its caller can correct it', async () => {
    await ask(service.handler, create)
    await ask(service.handler, '{ nothing }')
    await post(service.handler, '/oauth2/token', { grant_type: 'refresh_token', refresh_token: 'x' })
    await service.handler(new Request('http://localhost/nothing'))

    expect(reported()).toEqual([])
  })
})

test('a probe that is answered “not ready” is the event not_ready', async () => {
  const closed = await openTestService()
  await closed.close()

  const { status } = await closed.handler(new Request('http://localhost/ready'))

  expect(status).toBe(503)
  expect(closed.reports).toEqual([{ name: 'not_ready', error: expect.any(Error) }])
})

test('a revocation whose counts cannot be recorded is answered, and is the event count_not_recorded', async () => {
  const answer = await whileFailing('update on revocations', '57P01', endAll)

  expect(answer).toMatchObject({ invalidated: 2 })
  expect(reported()).toEqual(['count_not_recorded'])
  expect(service.reports[0]?.facts).toEqual({ revision: expect.any(Number) })
})

test('the error of a revocation that could not be counted holds no parameter of the statement', async () => {
  const { database, clock } = service
  const select = () => {
    throw new DrizzleQueryError('select $1', [username], new Error('gone'))
  }
  const store = createTokenStore({ ...database, scanner: { select } })
  const by = { at: clock.now(), caller: 'test' }

  const error = await store
    .invalidateScope({ kind: 'sweep', scope: { kind: 'realm', realm: 'staff' } }, by)
    .catch((thrown: unknown) => thrown)

  expect(inspect(error)).toContain('has taken effect')
  expect(inspect(error)).not.toContain(username)
})

test('a failed round of retention is the event retention_failed', async () => {
  const clock = () => {
    throw new Error('The clock has stopped')
  }

  const stop = startRetention(service.database, { revocationDays: 30, clock })

  await expect.poll(reported).toEqual(['retention_failed'])
  await stop()
})

describe('at the server', () => {
  const operation = JSON.stringify({ query: '{ __typename }' })
  const accept = 'text/event-stream'

  async function serve(answer: RouteHandler) {
    const emit = service.reports.push.bind(service.reports)
    const routes = createRoutes({ tokens: service.tokens, assertReady: service.database.ping, emit })
    return startServer({ routes: { ...routes, answer }, emit, port: 0, host: '127.0.0.1' })
  }

  function brokenStream(): Response {
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.from(': ping\n\n'))
        setTimeout(() => controller.error(new Error('The source broke')), 50)
      },
    })
    return new Response(body, { headers: { 'content-type': accept } })
  }

  test('an error that no route answered is the event unexpected_error', async () => {
    const server = await serve(async () => {
      throw new Error('A route broke')
    })

    const { status } = await fetch(`${server.origin}/health`)

    expect(status).toBe(500)
    expect(reported()).toEqual(['unexpected_error'])
    await server.stop()
  })

  test.each(['/health', '/graphql'])('an answer of %s that breaks off is the event response_not_sent', async (path) => {
    const server = await serve(async () => brokenStream())
    // Both ways: to /graphql it goes with the headers of the fast path.
    const headers = { 'content-type': 'application/json' }
    const body = path === '/graphql' ? '{' : operation

    const answer = await fetch(`${server.origin}${path}`, { method: 'POST', headers, body })

    await expect(answer.text()).rejects.toThrow()
    expect(reported()).toEqual(['response_not_sent'])
    await server.stop()
  })

  test.each(['text/event-stream', '*/*'])(
    'a client that goes away from its stream is no event, accepting %s',
    async (accepted) => {
      const server = await serve(service.handler)
      const leaving = new AbortController()
      const headers = { 'content-type': 'application/json', authorization: asAdmin, accept: accepted }
      const body = JSON.stringify({ query: 'subscription { revocationFeed { cursor } }' })
      const init = { method: 'POST', headers, body, signal: leaving.signal }
      const answer = await fetch(`${server.origin}/graphql`, init)
      expect(answer.headers.get('content-type')).toContain('text/event-stream')

      leaving.abort()

      await server.stop()
      expect(reported()).toEqual([])
    },
  )

  test.each(['application/json', 'application/json; charset=utf-8'])(
    'a client that goes away within its request is no event, sending %s',
    async (type) => {
      const server = await serve(service.handler)
      const socket = connect(Number(new URL(server.origin).port), '127.0.0.1')
      socket.write(`POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: 100\r\n\r\n{`)
      await sleep(50)

      socket.resetAndDestroy()

      await server.stop()
      expect(reported()).toEqual([])
    },
  )

  test('a request that takes longer than a stop may is answered 503, and is the event requests_cut_off', async () => {
    const server = await serve(() => new Promise(() => undefined))
    const unanswered = fetch(`${server.origin}/health`)
    await sleep(50)

    await server.stop()

    expect((await unanswered).status).toBe(503)
    expect(reported()).toEqual(['requests_cut_off'])
    expect(service.reports[0]?.facts).toEqual({ requests: 1 })
  })

  test('a connection that cannot be accepted is the event connection_not_accepted, and ends nothing', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen')
    const server = await serve(service.handler)
    const listening = listen.mock.contexts.find((context) => context instanceof Server)
    listen.mockRestore()

    // As node does when the process has no file descriptor left.
    listening?.emit('error', new Error('accept EMFILE'))
    listening?.emit('error', new Error('accept EMFILE'))

    expect((await fetch(`${server.origin}/health`)).status).toBe(200)
    expect(reported()).toEqual(['connection_not_accepted', 'connection_not_accepted'])
    await server.stop()
  })
})
