import { createServer, type Server } from 'node:http'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import express from 'express'
import { fastify } from 'fastify'
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { createClient } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { apolloContext, type GuardedContext } from '../../examples/guard/apollo.ts'
import { expressGuard } from '../../examples/guard/express.ts'
import { guardFastify } from '../../examples/guard/fastify.ts'
import { webSocketGuard } from '../../examples/guard/graphql-ws.ts'
import { honoGuard } from '../../examples/guard/hono.ts'
import { guarded } from '../../examples/guard/node-http.ts'
import type { Guard } from '../../src/guard/api.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { followService } from '../support/guards.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
const issue = () => service.tokens.issue({ owner: { realm: 'staff', username: 'alice' }, scopes: [] }, admin)
const end = ({ session: { id } }: IssuedPair) => service.tokens.invalidate({ kind: 'session', id }, admin)
const bearer = ({ accessToken }: IssuedPair) => `Bearer ${accessToken}`

/** Answers GraphQL's `{ me }` with the username of the token, by a POST with this `Authorization`. */
type Ask = (authorization?: string) => Promise<Response>
const query = JSON.stringify({ query: '{ me }' })
const headersOf = (authorization?: string) => ({
  'content-type': 'application/json',
  ...(authorization !== undefined && { authorization }),
})
const answer = (username: string | undefined) => ({ data: { me: username ?? null } })

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/graphql`
}
const askAt =
  (url: string): Ask =>
  (authorization) =>
    fetch(url, { method: 'POST', headers: headersOf(authorization), body: query })

const servers: Readonly<Record<string, (guard: Guard) => Promise<Ask>>> = {
  'Express 5': async (guard) => {
    const app = express()
    app.use(expressGuard(guard))
    app.post('/graphql', (_, response) => void response.json(answer(response.locals['token']?.username)))
    return askAt(`http://${await listen(createServer(app))}`)
  },
  'Fastify 5': async (guard) => {
    const app = fastify()
    guardFastify(app, guard)
    app.post('/graphql', async ({ token }) => answer(token?.username))
    onTestFinished(() => app.close())
    return askAt(`${await app.listen({ host: '127.0.0.1', port: 0 })}/graphql`)
  },
  Hono: async (guard) => {
    const app = new Hono()
      .use(honoGuard(guard))
      .post('/graphql', (context) => context.json(answer(context.get('token')?.username)))
    return async (authorization) =>
      app.request('/graphql', { method: 'POST', headers: headersOf(authorization), body: query })
  },
  'node:http': async (guard) => {
    const listener = guarded(guard, (_, response, token) => response.end(JSON.stringify(answer(token?.username))))
    return askAt(`http://${await listen(createServer(listener))}`)
  },
  'Apollo Server 5': async (guard) => {
    const resolvers = { Query: { me: (_: unknown, __: unknown, { token }: GuardedContext) => token?.username } }
    const apollo = new ApolloServer<GuardedContext>({ typeDefs: 'type Query { me: String }', resolvers })
    onTestFinished(() => apollo.stop())
    const options = { listen: { host: '127.0.0.1', port: 0 }, context: apolloContext(guard) }
    return askAt((await startStandaloneServer(apollo, options)).url)
  },
}

test.each(Object.entries(servers))(
  '%s lets a valid token in, and refuses it once it is invalidated',
  async (_, start) => {
    const { guard } = await followService(service)
    const ask = await start(guard)
    const pair = await issue()

    expect(await (await ask()).json()).toEqual(answer(undefined))
    expect(await (await ask(bearer(pair))).json()).toEqual(answer('alice'))
    await end(pair)
    await expect.poll(async () => (await ask(bearer(pair))).status).toBe(401)
    const refused = await ask(bearer(pair))
    expect(refused.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    expect((await refused.json()).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])

    await guard.close()
    const unsure = await ask(bearer(await issue()))
    expect([unsure.status, unsure.headers.get('retry-after')]).toEqual([503, '1'])
  },
)

test('graphql-ws refuses an operation, and closes the connection when its token ends', async () => {
  const { guard } = await followService(service)
  const fields = { me: { type: GraphQLString, resolve: () => 'alice' } }
  const schema = new GraphQLSchema({ query: new GraphQLObjectType({ name: 'Query', fields }) })
  const server = createServer()
  const disposable = useServer({ schema, ...webSocketGuard(guard) }, new WebSocketServer({ server }))
  onTestFinished(async () => disposable.dispose())
  const url = `ws://${await listen(server)}`
  const pair = await issue()
  const closed: unknown[] = []
  const connect = () =>
    createClient({
      url,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: bearer(pair) },
      lazy: false,
      retryAttempts: 0,
      onNonLazyError: () => undefined,
      on: { closed: (event) => closed.push(event) },
    })
  const client = connect()
  const ask = async (one: typeof client) => (await one.iterate({ query: '{ me }' }).next()).value
  expect(await ask(client)).toEqual({ data: { me: 'alice' } })

  await end(pair)

  await expect.poll(() => closed).toMatchObject([{ code: 4403 }])
  const again = connect()
  onTestFinished(() => void again.dispose())
  await expect(ask(again)).rejects.toMatchObject([{ message: 'The access token is not valid.' }])
})
