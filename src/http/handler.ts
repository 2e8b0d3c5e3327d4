import type { GraphQLSchema } from 'graphql'
import { createSchema } from '../graph/schema.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { createGraphiqlPage, wantsPage } from './graphiql.ts'
import { createGraphqlHandler } from './graphql.ts'
import { createHealthHandler, createReadyHandler } from './operations.ts'

/** Where GraphQL and GraphiQL are. */
export const endpoint = '/graphql'

export interface HandlerDependencies {
  /** The one to serve, where a shortcut serves it too; otherwise a new one. */
  readonly schema?: GraphQLSchema
  readonly tokens: Tokens
  /** Rejects while the database does not answer, or while the process is stopping. */
  readonly assertReady: () => Promise<void>
  /** Told about everything unexpected; nothing in it is shown to a caller. */
  readonly report: (error: unknown) => void
}

export type Handler = (request: Request) => Promise<Response>

interface Route {
  readonly methods: readonly string[]
  readonly handle: Handler
}

/** The whole service as one fetch handler, to mount in any server. */
export function createHandler(dependencies: HandlerDependencies): Handler {
  const { schema = createSchema() } = dependencies
  const graphql = createGraphqlHandler({ ...dependencies, schema, endpoint })
  const graphiql = createGraphiqlPage({ schema, endpoint })

  const routes: Readonly<Record<string, Route>> = {
    [endpoint]: {
      methods: ['GET', 'POST', 'OPTIONS'],
      handle: (request) => (wantsPage(request) ? graphiql(request) : graphql(request)),
    },
    '/health': { methods: ['GET', 'HEAD'], handle: createHealthHandler() },
    '/ready': { methods: ['GET', 'HEAD'], handle: createReadyHandler(dependencies.assertReady) },
  }

  return async (request) => {
    const { pathname } = new URL(request.url)
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined
    if (route === undefined)
      return refuse(404, `There is nothing at this path. GraphQL and GraphiQL are at ${endpoint}.`)
    if (!route.methods.includes(request.method))
      return refuse(405, `Expected ${route.methods.join(' or ')}.`, { allow: route.methods.join(', ') })
    return route.handle(request)
  }
}

function refuse(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json({ message }, { status, headers })
}
