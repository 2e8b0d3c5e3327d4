import { createServer, type Server } from 'node:http'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { expressMiddleware } from '@as-integrations/express5'
import express from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { apolloContext, type GuardedContext } from '../../examples/guard/apollo.ts'
import { expressGuard } from '../../examples/guard/express.ts'
import { guardFastify } from '../../examples/guard/fastify.ts'
import { honoGuard } from '../../examples/guard/hono.ts'
import { guarded } from '../../examples/guard/node-http.ts'
import type { Guard } from '../../src/guard/api.ts'
import type { KnownToken } from '../../src/guard/known-token.ts'
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

/** What each handler answers. */
type Handle = (token: KnownToken | undefined) => ReturnType<typeof answer>
type StartServer = (guard: Guard, handle: Handle) => Promise<Ask>

function createApollo(handle: Handle): ApolloServer<GuardedContext> {
  const resolvers = { Query: { me: (_: unknown, __: unknown, { token }: GuardedContext) => handle(token).data.me } }
  const apollo = new ApolloServer<GuardedContext>({ typeDefs: 'type Query { me: String }', resolvers })
  onTestFinished(() => apollo.stop())
  return apollo
}

const servers: Readonly<Record<string, StartServer>> = {
  'Express 5': async (guard, handle) => {
    const app = express()
    app.use(expressGuard(guard))
    app.post('/graphql', (_, response) => void response.json(handle(response.locals['token'])))
    return askAt(`http://${await listen(createServer(app))}`)
  },
  'Fastify 5': async (guard, handle) => {
    const app = fastify()
    guardFastify(app, guard)
    app.post('/graphql', async ({ token }) => handle(token))
    onTestFinished(() => app.close())
    return askAt(`${await app.listen({ host: '127.0.0.1', port: 0 })}/graphql`)
  },
  Hono: async (guard, handle) => {
    const app = new Hono()
      .use(honoGuard(guard))
      .post('/graphql', (context) => context.json(handle(context.get('token'))))
    return async (authorization) =>
      app.request('/graphql', { method: 'POST', headers: headersOf(authorization), body: query })
  },
  'node:http': async (guard, handle) => {
    const listener = guarded(guard, (_, response, token) => response.end(JSON.stringify(handle(token))))
    return askAt(`http://${await listen(createServer(listener))}`)
  },
  'Apollo Server 5': async (guard, handle) => {
    const apollo = createApollo(handle)
    const options = { listen: { host: '127.0.0.1', port: 0 }, context: apolloContext(guard) }
    return askAt((await startStandaloneServer(apollo, options)).url)
  },
  'Apollo Server 5 in Express 5': async (guard, handle) => {
    const apollo = createApollo(handle)
    await apollo.start()
    const app = express()
    app.use('/graphql', express.json(), expressMiddleware(apollo, { context: apolloContext(guard) }))
    return askAt(`http://${await listen(createServer(app))}`)
  },
}

test.each(Object.entries(servers))(
  '%s lets a valid token in, and refuses it once it is invalidated',
  async (_, start) => {
    const { guard } = await followService(service)
    const handled: (string | undefined)[] = []
    const ask = await start(guard, (token) => {
      handled.push(token?.username)
      return answer(token?.username)
    })
    const pair = await issue()

    expect(await (await ask()).json()).toEqual(answer(undefined))
    expect(await (await ask(bearer(pair))).json()).toEqual(answer('alice'))
    await end(pair)
    await expect.poll(() => guard.check(pair.accessToken)).toEqual({ outcome: 'invalid' })
    const refused = await ask(bearer(pair))
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    expect((await refused.json()).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])

    await guard.close()
    const unsure = await ask(bearer(await issue()))
    expect([unsure.status, unsure.headers.get('retry-after')]).toEqual([503, '1'])
    expect(handled).toEqual([undefined, 'alice'])
  },
)
