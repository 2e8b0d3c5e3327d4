import type { GraphQLSchema } from 'graphql'
import type { EmitEvent } from '../events/events.ts'
import { createSchema } from '../graph/schema.ts'
import type { FailureCounts } from '../tokens/failure-counts.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { type Admit, guardAdmission, type Refusal } from './admission.ts'
import { defaultGraphqlBytes } from './body.ts'
import type { AllowedOrigins } from './cors.ts'
import type { AuthenticatePassword } from './elasticsearch/grants.ts'
import { createElasticsearchRoutes } from './elasticsearch/routes.ts'
import { type Exposure, openExposure } from './exposure.ts'
import { answerGivenUp } from './given-up.ts'
import { createDocuments, type Documents, defaultMaxCost } from './graphql/documents.ts'
import { createFastPath, type FastPath } from './graphql/fast-path.ts'
import { createGraphqlHandler, isEventStream } from './graphql/route.ts'
import { createStreamLimits, defaultStreamLimits, type StreamLimits } from './graphql/stream-limits.ts'
import { createOAuthRoutes } from './oauth/routes.ts'
import { createHealthHandler, createReadyHandler } from './operations.ts'
import { createGraphiqlPage, wantsPage } from './pages/graphiql.ts'
import { createRateLimits, defaultRateLimits, type RateLimitSettings, type RateLimits } from './rate-limits.ts'
import type { RouteHandler } from './request-context.ts'

/** The path of GraphQL and GraphiQL. */
export const endpoint = '/graphql'

export interface RoutesDependencies {
  /** The schema to serve. A new one by default. */
  readonly schema?: GraphQLSchema
  /** The verbs. All dialects call these and no others: what wraps them (to count, to limit) sees every call. */
  readonly tokens: Tokens
  /** Rejects while the database does not answer and while the process is stopping. */
  readonly assertReady: () => Promise<void>
  /** Checks the password of Elasticsearch's `password` grant; without it that grant is not offered. */
  readonly authenticatePassword?: AuthenticatePassword
  /** OAuth's issuer: the origin by which clients know this service. By default the origin of each request. */
  readonly publicUrl?: string | undefined
  /** A policy for all requests. By default all are admitted. */
  readonly admit?: Admit | undefined
  /** The most that a GraphQL operation may cost, by the prices of the documentation: 10,000 by default. */
  readonly maxQueryCost?: number
  /** The longest body of a GraphQL request: 262,144 by default. */
  readonly maxGraphqlBytes?: number
  /** What is shown to whom. By default everything, as on a laptop. */
  readonly exposure?: Exposure
  /** How many points a minute a caller or an address may spend; what is left out has its default. */
  readonly rateLimits?: Partial<RateLimitSettings>
  /** Counts failed authentications for all instances. By default each counts its own. */
  readonly failureCounts?: FailureCounts | undefined
  /** The origins whose pages may read answers: any by default. */
  readonly corsOrigins?: AllowedOrigins
  /** The most open streams of this process: 2,000 by default. */
  readonly maxStreams?: number
  /** The most open streams of one client, of one owner, or of one address: 100 by default. */
  readonly maxStreamsPerCaller?: number
  /** Receives the faults that callers are not shown. */
  readonly emit: EmitEvent
}

interface Route {
  readonly method: string
  readonly path: string
  readonly handle: RouteHandler
}

/**
 * The ways in. A server asks `admit` first, once for each request; then it may answer a request by the fast path, and
 * it answers all others by `answer`.
 */
export interface Routes {
  /** Undefined without a policy: then nothing has to be prepared for it. */
  readonly admit: Admit | undefined
  readonly fastPath: FastPath
  /** Answers any request that was admitted: by its route, or by 404 or 405. */
  readonly answer: RouteHandler
  /** Answers a request that took too long, in the dialect of its path: 503, and it may be repeated. */
  readonly answerGivenUp: (target: string, message: string) => Refusal
  readonly table: readonly Route[]
}

/** Both ways to the verbs, the fast path and the table of routes, made of the same dependencies. */
export function createRoutes(dependencies: RoutesDependencies): Routes {
  const {
    schema = createSchema(),
    tokens,
    admit,
    emit,
    maxQueryCost = defaultMaxCost,
    exposure = openExposure,
    maxGraphqlBytes: maxBodyBytes = defaultGraphqlBytes,
  } = dependencies
  const limits = createRateLimits({ ...defaultRateLimits, ...dependencies.rateLimits }, dependencies)
  const documents = createDocuments({ schema, maxCost: maxQueryCost })
  const streams = createStreamLimits({ ...defaultStreamLimits, ...dependencies })
  const table = addHeadRoutes([
    ...graphqlRoutes({ ...dependencies, schema, documents, limits, streams, exposure, maxBodyBytes }),
    ...elasticsearchRoutes({ ...dependencies, limits, exposure }),
    ...oauthRoutes({ ...dependencies, limits, exposure }),
    ...operationsRoutes(dependencies),
  ])
  return {
    admit: admit && guardAdmission(admit, emit),
    fastPath: createFastPath({ schema, tokens, limits, documents, exposure, maxBodyBytes, emit }),
    answer: createRouter(table, exposure),
    answerGivenUp,
    table,
  }
}

interface LimitedDependencies extends RoutesDependencies {
  readonly limits: RateLimits
  readonly exposure: Exposure
}

interface GraphqlDependencies extends LimitedDependencies {
  readonly maxBodyBytes: number
  readonly schema: GraphQLSchema
  readonly documents: Documents
  readonly streams: StreamLimits
}

function graphqlRoutes(dependencies: GraphqlDependencies): readonly Route[] {
  const graphql = createGraphqlHandler({ ...dependencies, endpoint })
  const hasPage = dependencies.exposure.graphiql
  const graphiql = createGraphiqlPage({ schema: dependencies.schema, endpoint })
  return [
    {
      method: 'GET',
      path: endpoint,
      handle: (request, context) => (hasPage && wantsPage(request) ? graphiql(request) : graphql(request, context)),
    },
    { method: 'POST', path: endpoint, handle: graphql },
    { method: 'OPTIONS', path: endpoint, handle: graphql },
  ]
}

function elasticsearchRoutes(dependencies: LimitedDependencies): readonly Route[] {
  const { describeService, describeCaller, getToken, invalidateToken, invalidateTokenAs6 } =
    createElasticsearchRoutes(dependencies)
  const hasPage = dependencies.exposure.graphiql
  return [
    {
      method: 'GET',
      path: '/',
      handle: (request, context) =>
        hasPage && wantsPage(request) ? redirectToGraphiql() : describeService(request, context),
    },
    { method: 'GET', path: '/_security/_authenticate', handle: describeCaller },
    { method: 'POST', path: '/_security/oauth2/token', handle: getToken },
    { method: 'DELETE', path: '/_security/oauth2/token', handle: invalidateToken },
    { method: 'GET', path: '/_xpack/security/_authenticate', handle: describeCaller },
    { method: 'POST', path: '/_xpack/security/oauth2/token', handle: getToken },
    { method: 'DELETE', path: '/_xpack/security/oauth2/token', handle: invalidateTokenAs6 },
  ]
}

function oauthRoutes(dependencies: LimitedDependencies): readonly Route[] {
  const oauth = createOAuthRoutes(dependencies)
  const metadataPath = '/.well-known/oauth-authorization-server'
  return [
    { method: 'POST', path: '/oauth2/revoke', handle: oauth.revoke },
    { method: 'POST', path: '/oauth2/introspect', handle: oauth.introspect },
    { method: 'POST', path: '/oauth2/token', handle: oauth.refresh },
    { method: 'POST', path: '/oauth2/global-token-revocation', handle: oauth.revokeGlobally },
    { method: 'GET', path: metadataPath, handle: oauth.describeServer },
    { method: 'OPTIONS', path: '/oauth2/revoke', handle: oauth.preflight('POST') },
    { method: 'OPTIONS', path: '/oauth2/token', handle: oauth.preflight('POST') },
    { method: 'OPTIONS', path: metadataPath, handle: oauth.preflight('GET, HEAD') },
  ]
}

function operationsRoutes(dependencies: RoutesDependencies): readonly Route[] {
  const [health, ready] = [createHealthHandler(), createReadyHandler(dependencies)]
  return [
    { method: 'GET', path: '/health', handle: health },
    { method: 'GET', path: '/ready', handle: ready },
  ]
}

/** RFC 9110 §9.3.2: "HEAD is identical to GET except that the server MUST NOT send content in the response." */
function addHeadRoutes(routes: readonly Route[]): readonly Route[] {
  return routes.flatMap((route) => {
    if (route.method !== 'GET') return [route]
    return [
      route,
      { ...route, method: 'HEAD', handle: async (...given) => withoutContent(await route.handle(...given)) },
    ]
  })
}

/** The content is read, also so that a failure of it is known, and its length is that of GET's answer. */
async function withoutContent(answer: Response): Promise<Response> {
  const headers = new Headers([...answer.headers])
  if (headers.has('content-length')) {
    await answer.body?.cancel()
    return new Response(null, { status: answer.status, headers })
  }
  const { byteLength } = await answer.arrayBuffer()
  // RFC 9110 §8.6: a 304 has the length of the answer that is not sent, so it is left out. A stream has none.
  if (answer.status !== 304 && !isEventStream(answer)) headers.set('content-length', String(byteLength))
  return new Response(null, { status: answer.status, headers })
}

function createRouter(table: readonly Route[], exposure: Exposure): RouteHandler {
  const paths = new Set(table.map(({ path }) => path))
  const handlers = new Map(table.map(({ method, path, handle }) => [`${method} ${path}`, handle]))
  return async (request, context) => {
    const { pathname } = new URL(request.url)
    const { method } = request
    if (paths.has(pathname)) context.findings.route = pathname
    const handle = handlers.get(`${method} ${pathname}`)
    if (handle !== undefined && method !== 'OPTIONS') return handle(request, context)
    const methods = table.filter(({ path }) => path === pathname).map((route) => route.method)
    const answer = handle === undefined ? refuse(methods, exposure) : await handle(request, context)
    if (methods.length > 0) answer.headers.set('allow', methods.join(', '))
    return method === 'HEAD' ? withoutContent(answer) : answer
  }
}

function refuse(methods: readonly string[], { graphiql }: Exposure): Response {
  return methods.length === 0
    ? json(
        404,
        `There is nothing at this path. ${graphiql ? 'GraphQL and GraphiQL are' : 'GraphQL is'} at ${endpoint}.`,
      )
    : json(405, `Expected ${methods.join(' or ')}.`)
}

function json(status: number, message: string): Response {
  return Response.json({ message }, { status })
}

/** A browser that opens `/` is redirected to GraphiQL. */
async function redirectToGraphiql(): Promise<Response> {
  return new Response(null, { status: 302, headers: { location: endpoint } })
}
