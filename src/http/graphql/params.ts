import { GraphQLError } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'
import { badInput } from '../../tokens/input-fault.ts'
import { readJson, readText, UnreadableRequest } from '../body.ts'
import { answerHashes, isHashAlone, persistedQueryErrors } from './persisted-query.ts'

/**
 * Reads the GraphQL parameters of a POST. GraphQL over HTTP §5.1: only `application/json`, so that a form on another
 * site's page cannot send a request without a CORS preflight.
 *
 * @returns a Response for a list of hashes, which needs no more than that
 * @throws GraphQLError `malformed`; AggregateError: `persistedQueryErrors`
 */
export async function readPostParams(request: Request, maxBytes: number): Promise<GraphQLParams | Response> {
  return asGraphql(async () => {
    const params = readJson<GraphQLParams | null>(await readText(request, maxBytes), 'body')
    const isBatchOfHashes = Array.isArray(params) && params.length > 0 && params.every(isHashAlone)
    return isBatchOfHashes ? answerHashes(params) : withQuery(params)
  })
}

/**
 * Reads the parameters of a GET (GraphQL over HTTP §5.2). Yoga refuses mutations by GET.
 *
 * @throws GraphQLError `malformed`; AggregateError: `persistedQueryErrors`
 */
export function readGetParams(request: Request): Promise<GraphQLParams> {
  return asGraphql(async () => readSearchParams(new URL(request.url).searchParams))
}

function readSearchParams(given: URLSearchParams): GraphQLParams {
  const variables = given.get('variables')
  const extensions = given.get('extensions')
  const query = given.get('query')
  const operationName = given.get('operationName')
  return withQuery({
    ...(query && { query }),
    ...(operationName && { operationName }),
    ...(variables && { variables: readJson(variables, 'variables') }),
    ...(extensions && { extensions: readJson(extensions, 'extensions') }),
  })
}

/**
 * The refusal of what is not a GraphQL request. It has an HTTP status of its own, whatever the caller accepts: only for
 * well-formed requests do clients of `application/json` get a 200 with every error (GraphQL over HTTP §6.4.1).
 */
export function malformed(message: string, status = 400, headers: Readonly<Record<string, string>> = {}): GraphQLError {
  return new GraphQLError(message, { originalError: badInput(message), extensions: { http: { status, headers } } })
}

/** Yoga checks the other parameters, but it would answer a missing query with a 200. */
function withQuery(params: GraphQLParams | null): GraphQLParams {
  if (Array.isArray(params)) throw malformed('Expected one operation, got a list: batching is not supported')
  if (typeof params !== 'object' || params === null) throw malformed('Expected the body to be a JSON object')
  if (isHashAlone(params)) throw new AggregateError(persistedQueryErrors)
  if (params.query == null) throw malformed('Expected `query` to be a GraphQL document, got none')
  return params
}

async function asGraphql<Params>(read: () => Promise<Params>): Promise<Params> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof UnreadableRequest) throw malformed(error.message, error.status)
    throw error
  }
}
