import type { GraphQLSchema } from 'graphql'
import type { EmitEvent } from '../events/events.ts'
import { createSchema } from '../graph/schema.ts'
import type { Tokens } from '../tokens/tokens.ts'
import type { AuthenticatePassword } from './elasticsearch/grants.ts'
import { createElasticsearchRoutes } from './elasticsearch/routes.ts'
import { createGraphqlHandler } from './graphql/route.ts'
import { createOAuthRoutes } from './oauth/routes.ts'
import { createHealthHandler, createReadyHandler } from './operations.ts'
import { createGraphiqlPage, wantsPage } from './pages/graphiql.ts'

/** The path of GraphQL and GraphiQL. */
export const endpoint = '/graphql'

export interface HandlerDependencies {
  /** The schema to serve: the same one that a fast path serves. A new one by default. */
  readonly schema?: GraphQLSchema
  readonly tokens: Tokens
  /** Rejects while the database does not answer and while the process is stopping. */
  readonly assertReady: () => Promise<void>
  /** Checks the password of Elasticsearch's `password` grant; without it that grant is not offered. */
  readonly authenticatePassword?: AuthenticatePassword
  /** OAuth's issuer: the origin by which clients know this service. By default the origin of each request. */
  readonly publicUrl?: string | undefined
  /** Receives the faults that callers are not shown. */
  readonly emit: EmitEvent
}

export type Handler = (request: Request) => Promise<Response>

/** A handler for each `METHOD /path`. */
type Routes = Readonly<Record<string, Handler>>

/** The whole service as one fetch handler, to mount in any server. */
export function createHandler(dependencies: HandlerDependencies): Handler {
  const { schema = createSchema() } = dependencies
  const graphql = createGraphqlHandler({ ...dependencies, schema, endpoint })
  const graphiql = createGraphiqlPage({ schema, endpoint })
  const elasticsearch = createElasticsearchRoutes(dependencies)
  const oauth = createOAuthRoutes(dependencies)
  const health = createHealthHandler()
  const ready = createReadyHandler(dependencies)

  return route({
    [`GET ${endpoint}`]: (request) => (wantsPage(request) ? graphiql(request) : graphql(request)),
    [`POST ${endpoint}`]: graphql,
    [`OPTIONS ${endpoint}`]: graphql,

    'GET /': (request) => (wantsPage(request) ? redirectToGraphiql() : elasticsearch.describeService(request)),
    'HEAD /': elasticsearch.describeService,
    'GET /_security/_authenticate': elasticsearch.describeCaller,
    'POST /_security/oauth2/token': elasticsearch.getToken,
    'DELETE /_security/oauth2/token': elasticsearch.invalidateToken,
    'GET /_xpack/security/_authenticate': elasticsearch.describeCaller,
    'POST /_xpack/security/oauth2/token': elasticsearch.getToken,
    'DELETE /_xpack/security/oauth2/token': elasticsearch.invalidateTokenAs6,

    'POST /oauth2/revoke': oauth.revoke,
    'POST /oauth2/introspect': oauth.introspect,
    'POST /oauth2/token': oauth.refresh,
    'POST /oauth2/global-token-revocation': oauth.revokeGlobally,
    'GET /.well-known/oauth-authorization-server': oauth.describeServer,
    'OPTIONS /oauth2/revoke': oauth.preflight,
    'OPTIONS /oauth2/token': oauth.preflight,
    'OPTIONS /.well-known/oauth-authorization-server': oauth.preflight,

    'GET /health': health,
    'HEAD /health': health,
    'GET /ready': ready,
    'HEAD /ready': ready,
  })
}

function route(routes: Routes): Handler {
  const handlers = new Map(Object.entries(routes))
  return async (request) => {
    const { pathname } = new URL(request.url)
    const handle = handlers.get(`${request.method} ${pathname}`)
    return handle === undefined ? refuse(methodsOf(routes, pathname)) : handle(request)
  }
}

function methodsOf(routes: Routes, pathname: string): readonly string[] {
  return Object.keys(routes).flatMap((key) => {
    const [method = '', path] = key.split(' ')
    return path === pathname ? [method] : []
  })
}

function refuse(methods: readonly string[]): Response {
  if (methods.length === 0)
    return json(404, `There is nothing at this path. GraphQL and GraphiQL are at ${endpoint}.`, {})
  return json(405, `Expected ${methods.join(' or ')}.`, { allow: methods.join(', ') })
}

function json(status: number, message: string, headers: Readonly<Record<string, string>>): Response {
  return Response.json({ message }, { status, headers })
}

/** A browser that opens `/` is redirected to GraphiQL. */
async function redirectToGraphiql(): Promise<Response> {
  return new Response(null, { status: 302, headers: { location: endpoint } })
}
