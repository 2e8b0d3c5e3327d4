import { createServer } from 'node:http'
import { createClient } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { createPubSub, createSchema, createYoga, type Plugin } from 'graphql-yoga'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { KnownToken } from '../../src/guard/known-token.ts'
import { type TokenGuardPluginOptions, useTokenGuard } from '../../src/guard/use-token-guard.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { readEvents, subscribe } from '../support/event-stream.ts'
import { followService } from '../support/guards.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
const issue = () => service.tokens.issue({ owner: { realm: 'staff', username: 'alice' }, scopes: ['read'] }, admin)
const end = ({ session: { id } }: IssuedPair) => service.tokens.invalidate({ kind: 'session', id }, admin)
const bearer = ({ accessToken }: IssuedPair) => `Bearer ${accessToken}`
const invalidToken = { message: 'The access token is not valid.', extensions: { code: 'UNAUTHENTICATED' } }

interface Context {
  readonly token?: KnownToken
}

/** A gateway of somebody else, with the guard before it. */
async function startYoga(options: TokenGuardPluginOptions = {}, before: readonly Plugin[] = []) {
  const { guard } = await followService(service)
  const pubSub = createPubSub<{ news: [string] }>()
  const calls: string[] = []
  const schema = createSchema<Context>({
    typeDefs: 'type Query { me: String } type Subscription { news: String! }',
    resolvers: {
      Query: {
        me: (_, _args, { token }) => {
          calls.push('me')
          return token?.username ?? null
        },
      },
      Subscription: { news: { subscribe: () => pubSub.subscribe('news'), resolve: (text: string) => text } },
    },
  })
  const yoga = createYoga({ schema, logging: false, plugins: [...before, useTokenGuard({ guard, ...options })] })
  const ask = async (authorization?: string) => {
    const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
    const response = await yoga.fetch('http://localhost/graphql', {
      method: 'POST',
      headers,
      body: '{"query":"{ me }"}',
    })
    return { status: response.status, headers: response.headers, body: await response.json() }
  }
  const listen = (authorization: string) =>
    subscribe((request) => Promise.resolve(yoga.fetch(request)), { query: 'subscription { news }', authorization })
  return { guard, yoga, pubSub, calls, ask, listen }
}

type Started = Awaited<ReturnType<typeof startYoga>>

test('a request with a valid token is answered, with what the token says in the context', async () => {
  const { ask } = await startYoga()

  expect(await ask(bearer(await issue()))).toMatchObject({ status: 200, body: { data: { me: 'alice' } } })
})

test('a request without a token passes, unless the gateway requires one', async () => {
  const [open, closed] = [await startYoga(), await startYoga({ reject: { missingToken: true } })]

  expect(await open.ask()).toMatchObject({ status: 200, body: { data: { me: null } } })
  const { status, headers, body } = await closed.ask()
  expect([status, headers.get('www-authenticate'), body]).toMatchObject([
    401,
    'Bearer',
    { errors: [{ message: 'An access token is needed.', extensions: { code: 'UNAUTHENTICATED' } }] },
  ])
})

test('a request with an invalidated token is refused, and nothing is executed', async () => {
  const { ask, calls } = await startYoga()
  const pair = await issue()
  await ask(bearer(pair))

  await end(pair)

  await expect.poll(async () => (await ask(bearer(pair))).status).toBe(401)
  const ran = calls.length
  const { headers, body } = await ask(bearer(pair))
  expect([headers.get('www-authenticate'), body]).toEqual(['Bearer error="invalid_token"', { errors: [invalidToken] }])
  expect(calls).toHaveLength(ran)
})

test('a request is answered 503 while the guard does not know enough', async () => {
  const { ask, guard } = await startYoga()
  const pair = await issue()

  await guard.close()

  const { status, headers, body } = await ask(bearer(pair))
  expect([status, headers.get('retry-after'), body.errors[0].extensions.code]).toEqual([
    503,
    '1',
    'REVOCATION_STATE_STALE',
  ])
})

test('a stream over server-sent events ends with one last message when its token does', async () => {
  const { listen, pubSub, guard } = await startYoga()
  const [pair, other] = [await issue(), await issue()]
  const [stream, going] = [await listen(bearer(pair)), await listen(bearer(other))]
  const firsts = [stream.next(), going.next()]
  await publishUntil(pubSub, firsts)
  expect(await firsts[0]).toEqual({ data: { news: 'one' } })

  await end(pair)

  let last = await stream.next()
  while (last.data) last = await stream.next()
  expect(last).toEqual({ errors: [invalidToken] })
  expect(await stream.next()).toBe('complete')
  pubSub.publish('news', 'two')
  while ((await going.next()).data.news !== 'two');
  await going.close()
  await expect.poll(() => guard.status.watchedTokens).toBe(0)
})

test('a stream whose client leaves before Yoga has read it is watched no more', async () => {
  const { yoga, guard } = await startYoga()
  const [headers, leaving] = [
    { accept: 'text/event-stream', 'content-type': 'application/json' },
    new AbortController(),
  ]
  await yoga.fetch('http://localhost/graphql', {
    method: 'POST',
    headers: { ...headers, authorization: bearer(await issue()) },
    body: '{"query":"subscription { news }"}',
    signal: leaving.signal,
  })
  expect(guard.status.watchedTokens).toBe(1)

  leaving.abort()

  await expect.poll(() => guard.status.watchedTokens).toBe(0)
})

test('a stream whose client leaves is watched no more', async () => {
  const { yoga, guard, pubSub } = await startYoga()
  const headers = {
    accept: 'text/event-stream',
    'content-type': 'application/json',
    authorization: bearer(await issue()),
  }
  const body = '{"query":"subscription { news }"}'
  const stream = readEvents(await yoga.fetch('http://localhost/graphql', { method: 'POST', headers, body }))
  expect(guard.status.watchedTokens).toBe(1)
  const first = stream.next()
  await publishUntil(pubSub, [first])

  await stream.close()

  await expect.poll(() => guard.status.watchedTokens).toBe(0)
})

test('the token may be looked for elsewhere, and stand elsewhere in the context', async () => {
  const seen: unknown[] = []
  const watching: Plugin = { onExecute: ({ args }) => void seen.push(args.contextValue) }
  const { yoga } = await startYoga(
    { tokenLookupLocations: [({ request }) => ({ token: request.headers.get('x-token') })], extendContext: 'caller' },
    [watching],
  )
  const headers = { 'content-type': 'application/json', 'x-token': (await issue()).accessToken }

  await yoga.fetch('http://localhost/graphql', { method: 'POST', headers, body: '{"query":"{ me }"}' })

  expect(seen).toMatchObject([{ caller: { username: 'alice' } }])
})

/** A publication reaches only who has subscribed already, and that is nowhere to be seen. */
async function publishUntil(pubSub: Started['pubSub'], received: readonly Promise<unknown>[]): Promise<void> {
  let isDone = false
  void Promise.all(received).then(() => {
    isDone = true
  })
  while (!isDone) {
    pubSub.publish('news', 'one')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Serves Yoga over graphql-ws, wired as Yoga's documentation says. */
async function startWebSockets({ yoga }: Started): Promise<string> {
  const server = createServer(yoga)
  const sockets = new WebSocketServer({ server, path: '/graphql' })
  const disposable = useServer(
    {
      // biome-ignore lint/suspicious/noExplicitAny: as in Yoga's documentation
      execute: (args: any) => args.rootValue.execute(args),
      // biome-ignore lint/suspicious/noExplicitAny: the same
      subscribe: (args: any) => args.rootValue.subscribe(args),
      onSubscribe: async (context, _id, params) => {
        const {
          schema,
          execute,
          subscribe: run,
          contextFactory,
          parse,
          validate,
        } = yoga.getEnveloped({
          ...context,
          params,
        })
        const args = {
          schema,
          operationName: params.operationName,
          document: parse(params.query),
          variableValues: params.variables,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe: run },
        }
        const errors = validate(args.schema, args.document)
        return errors.length > 0 ? errors : args
      },
    },
    sockets,
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await disposable.dispose()
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `ws://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/graphql`
}

test('a stream over graphql-ws ends with one last message, and the connection refuses the token from then on', async () => {
  const started = await startYoga()
  const pair = await issue()
  const url = await startWebSockets(started)
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: bearer(pair) },
    lazy: false,
  })
  onTestFinished(() => void client.dispose())
  const events = client.iterate({ query: 'subscription { news }' })
  const first = events.next()
  await expect.poll(() => started.guard.status.watchedTokens).toBe(1)
  await publishUntil(started.pubSub, [first])
  expect(await first).toEqual({ done: false, value: { data: { news: 'one' } } })

  await end(pair)

  let last = await events.next()
  while (last.value?.data) last = await events.next()
  expect(last).toEqual({ done: false, value: { errors: [invalidToken] } })
  expect((await events.next()).done).toBe(true)
  const again = client.iterate({ query: '{ me }' })
  expect((await again.next()).value).toEqual({ errors: [invalidToken] })
  expect(started.calls).toEqual([])
})

test('claims that another plugin has verified are taken, and decide together with the revocations', async () => {
  const pair = await issue()
  const found = await service.tokens.introspect(pair.accessToken, admin)
  const seconds = Math.floor(service.clock.now().getTime() / 1000)
  const payload = {
    jti: String(found.active ? found.pair.id : 0),
    sid: String(pair.session.id),
    sub: 'staff/alice',
    client_id: 'web',
    iat: seconds,
    exp: seconds + 600,
  }
  const verified: Plugin<{ readonly jwt?: object }> = {
    onContextBuilding: ({ extendContext }) => extendContext({ jwt: { payload } }),
  }
  const { ask } = await startYoga({ tokenLookupLocations: [] }, [verified])

  expect(await ask('Bearer eyJ')).toMatchObject({ status: 200, body: { data: { me: 'alice' } } })
  await end(pair)

  await expect.poll(async () => (await ask('Bearer eyJ')).body.errors).toMatchObject([invalidToken])
})
