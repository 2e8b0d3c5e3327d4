import { type GraphQLError, type GraphQLSchema, parse } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import { createErrorPresenter } from '../graph/errors.ts'
import { anonymous, type Caller } from '../tokens/caller.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { readCredentials } from './credentials.ts'
import { readGetParams, readPostParams } from './params.ts'

export interface GraphqlDependencies {
  readonly schema: GraphQLSchema
  readonly tokens: Tokens
  readonly endpoint: string
  /** Told about everything that a caller only reads "Unexpected error." of, and about a database that is gone. */
  readonly report: (error: unknown) => void
}

/** GraphiQL's introspection has some 300 tokens. The limit also bounds depth and aliases, before anything recurses. */
const mostTokens = 1000

/** The GraphQL route: Yoga, with its doors narrowed. */
export function createGraphqlHandler(dependencies: GraphqlDependencies): (request: Request) => Promise<Response> {
  const { schema, tokens, endpoint, report } = dependencies
  const present = createErrorPresenter(schema, report)
  const yoga = createYoga({
    schema,
    graphqlEndpoint: endpoint,
    context: async ({ request }) => ({ tokens, caller: await authenticate(tokens, request) }),
    plugins: [narrowDoors(present)],
    // All errors, also Yoga's own, are presented in one place: `narrowDoors`.
    maskedErrors: false,
    logging: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    maxRequestBodySize: false,
    // Any page may call: there is no cookie that a browser would add, so a page can do only what its tokens allow.
    cors: { origin: '*', credentials: false, methods: ['GET', 'POST', 'OPTIONS'] },
  })
  return async (request) => {
    const response = await yoga.fetch(request)
    // RFC 6749 §5.1: an answer that may hold a token is kept by nobody.
    response.headers.set('cache-control', 'no-store')
    response.headers.set('x-content-type-options', 'nosniff')
    return response
  }
}

async function authenticate(tokens: Tokens, request: Request): Promise<Caller> {
  const credentials = readCredentials(request.headers.get('authorization'))
  return credentials === undefined ? anonymous : tokens.authenticate(credentials)
}

/** One plugin, because each costs microseconds at every request. */
function narrowDoors(present: (error: unknown) => GraphQLError): Plugin {
  return {
    onRequestParse({ request, setRequestParser, endResponse, fetchAPI }) {
      if (request.method === 'GET') setRequestParser(readGetParams)
      if (request.method !== 'POST') return
      if (/^application\/(graphql\+)?json *(;|,|$)/i.test(request.headers.get('content-type') ?? ''))
        setRequestParser(readPostParams)
      else endResponse(fetchAPI.Response.json(unsupportedMediaType(present), { status: 415 }))
    },
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: mostTokens }))
    },
    onResultProcess({ result, setResult }) {
      if ('errors' in result && result.errors !== undefined)
        setResult({ ...result, errors: result.errors.map(present) })
    },
  }
}

function unsupportedMediaType(present: (error: unknown) => GraphQLError): { readonly errors: readonly GraphQLError[] } {
  return { errors: [present(new TokenServiceError('ERR_BAD_INPUT', 'Expected `Content-Type: application/json`.'))] }
}
