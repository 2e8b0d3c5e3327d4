import { EventEmitter, on, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ApolloServer } from '@apollo/server'
import { expressMiddleware } from '@as-integrations/express5'
import express from 'express'
import type { GraphQLSchema } from 'graphql'
import { type Client, createClient } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { createSchema } from 'graphql-yoga'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { apolloContext, type GuardedContext } from '../../examples/guard/apollo.ts'
import { webSocketGuard } from '../../examples/guard/graphql-ws.ts'
import type { Guard } from '../../src/guard/api.ts'
import { fromService } from '../../src/guard/from-service.ts'
import { createGuardWithClocks } from '../../src/guard/guard.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { followService } from '../support/guards.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
const issue = () => service.tokens.issue({ owner: { realm: 'staff', username: 'alice' }, scopes: [] }, admin)
const end = ({ session: { id } }: IssuedPair) => service.tokens.invalidate({ kind: 'session', id }, admin)
const bearer = ({ accessToken }: IssuedPair) => ({ authorization: `Bearer ${accessToken}` })

/** Answers the url of the subscriptions. */
type StartServer = (guard: Guard, schema: GraphQLSchema) => Promise<string>

const servers = {
  'graphql-ws': async (guard, schema) => listen(serveSockets(guard, schema, createServer())),
  'Apollo Server 5 in Express 5, with graphql-ws': async (guard, schema) => {
    const app = express()
    const server = serveSockets(guard, schema, createServer(app))
    const apollo = new ApolloServer<GuardedContext>({ schema })
    await apollo.start()
    onTestFinished(() => apollo.stop())
    app.use('/graphql', express.json(), expressMiddleware(apollo, { context: apolloContext(guard) }))
    return listen(server)
  },
} as const satisfies Readonly<Record<string, StartServer>>

function serveSockets(guard: Pick<Guard, 'admit' | 'watch'>, schema: GraphQLSchema, server: Server): Server {
  const sockets = useServer({ schema, ...webSocketGuard(guard) }, new WebSocketServer({ server, path: '/graphql' }))
  onTestFinished(async () => sockets.dispose())
  return server
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  const address = server.address()
  return `ws://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/graphql`
}

function countConnections(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  )
}

/** Its subscription answers each post with the username of the token. */
function createPosts() {
  const posts = new EventEmitter()
  const post = {
    subscribe: () => on(posts, 'post'),
    resolve: ([text]: readonly string[], _: unknown, { token }: GuardedContext) =>
      `${text}, for ${token?.username ?? 'anybody'}`,
  }
  const schema = createSchema<GuardedContext>({
    typeDefs: 'type Query { isServed: Boolean } type Subscription { post: String }',
    resolvers: { Subscription: { post } },
  })
  return { schema, publish: (text: string) => posts.emit('post', text), subscribers: () => posts.listenerCount('post') }
}

function connect(url: string, connectionParams: Readonly<Record<string, unknown>> | (() => object), retryAttempts = 0) {
  const readParams = () => ({ ...(typeof connectionParams === 'function' ? connectionParams() : connectionParams) })
  const codes: unknown[] = []
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: readParams,
    // It stays connected without an operation.
    lazy: false,
    retryAttempts,
    retryWait: async () => undefined,
    onNonLazyError: () => undefined,
    on: { closed: (event) => codes.push(event instanceof Object && 'code' in event ? event.code : event) },
  })
  onTestFinished(() => void client.dispose())
  return { client, codes }
}

/** All results of a subscription, and the errors that end it. */
function subscribe(client: Client): readonly unknown[] {
  const messages: unknown[] = []
  client.subscribe(
    { query: 'subscription { post }' },
    {
      next: (result) => void messages.push(result),
      error: (error) => void (Array.isArray(error) && messages.push(error)),
      complete: () => void messages.push('complete'),
    },
  )
  return messages
}

describe.each(Object.entries(servers))('%s', (_, start) => {
  test('a subscription ends with one last message when its token is invalidated', async () => {
    const { guard } = await followService(service)
    const { schema, publish, subscribers } = createPosts()
    const pair = await issue()
    const { client, codes } = connect(await start(guard, schema), bearer(pair))
    const messages = subscribe(client)
    await expect.poll(subscribers).toBe(1)
    publish('first')
    await expect.poll(() => messages).toHaveLength(1)

    await end(pair)
    await expect.poll(() => guard.status.counts.ended).toBe(1)
    publish('second')

    await expect.poll(() => codes).toEqual([4403])
    expect(messages).toEqual([
      { data: { post: 'first, for alice' } },
      [{ message: 'The access token is not valid.', extensions: { code: 'UNAUTHENTICATED' } }],
    ])
    await expect.poll(subscribers).toBe(0)
    expect(guard.status.watchedTokens).toBe(0)
  })

  test('a client whose token has ended connects again, and is served with a new one', async () => {
    const { guard } = await followService(service)
    const { schema, publish, subscribers } = createPosts()
    const [ended, good] = [await issue(), await issue()]
    await end(ended)
    const tokens = [bearer(ended)]
    const { client, codes } = connect(await start(guard, schema), () => tokens.shift() ?? bearer(good), 1)

    const messages = subscribe(client)
    await expect.poll(subscribers).toBe(1)
    publish('first')

    await expect.poll(() => messages).toEqual([{ data: { post: 'first, for alice' } }])
    expect(codes).toEqual([4403])
  })

  test('a connection without a token is served as nobody’s', async () => {
    const { guard } = await followService(service)
    const { schema, publish, subscribers } = createPosts()

    const messages = subscribe(connect(await start(guard, schema), {}).client)
    await expect.poll(subscribers).toBe(1)
    publish('first')

    await expect.poll(() => messages).toEqual([{ data: { post: 'first, for anybody' } }])
  })

  test('a guard whose service is down asks clients to try again later', async () => {
    // No server listens at this port.
    const source = fromService({ url: 'http://127.0.0.1:1/graphql', clientId: 'gateway', secret: 'none' })
    const clocks = { monotonic: () => performance.now(), wall: () => service.clock.now().getTime() }
    const guard = createGuardWithClocks({ source }, clocks)
    onTestFinished(() => guard.close())
    const { schema, subscribers } = createPosts()
    const { client, codes } = connect(await start(guard, schema), bearer(await issue()))

    const messages = subscribe(client)

    await expect.poll(() => codes).toEqual([1013])
    expect(messages).toEqual([])
    expect(subscribers()).toBe(0)
  })
})

test('a token of a client that leaves while it is checked is not watched', async () => {
  const { guard } = await followService(service)
  const steps = new EventEmitter()
  const [asked, hasLeft] = [once(steps, 'asked'), once(steps, 'left')]
  const slow: Pick<Guard, 'admit' | 'watch'> = {
    watch: (token, onEnd) => guard.watch(token, onEnd),
    async admit(authorization) {
      steps.emit('asked')
      await hasLeft
      return guard.admit(authorization)
    },
  }
  const server = serveSockets(slow, createPosts().schema, createServer())
  const socket = new WebSocket(await listen(server), 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: bearer(await issue()) }))
  await asked

  socket.terminate()
  await expect.poll(() => countConnections(server)).toBe(0)
  steps.emit('left')
  await expect.poll(() => guard.status.counts.valid).toBe(1)
  await nextTurn()

  expect(guard.status.watchedTokens).toBe(0)
})
