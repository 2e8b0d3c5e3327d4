import { GraphQLError } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'
import { badInput } from '../../tokens/owner.ts'
import { readJson, readText, UnreadableRequest } from '../body.ts'

/**
 * The GraphQL parameters of a POST (GraphQL over HTTP §5.1: `application/json` and nothing else, so that no form of a
 * foreign page can make a request without a CORS preflight).
 *
 * @throws GraphQLError `malformed`
 */
export async function readPostParams(request: Request): Promise<GraphQLParams> {
  return asGraphql(async () => withQuery(readJson(await readText(request), 'body')))
}

/**
 * The parameters of a GET (GraphQL over HTTP §5.2). Mutations by GET are refused further in.
 *
 * @throws GraphQLError `malformed`
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
 * What is no GraphQL request is refused with an HTTP status of its own, whatever the caller accepts: the 200 that
 * clients of `application/json` read with every error is for requests that are well-formed (GraphQL over HTTP §6.4.1).
 */
export function malformed(message: string, status = 400): GraphQLError {
  return new GraphQLError(message, { originalError: badInput(message), extensions: { http: { status } } })
}

/** Yoga checks the rest of the parameters, and would answer a missing query with a 200. */
function withQuery(params: GraphQLParams | null): GraphQLParams {
  if (Array.isArray(params)) throw malformed('Expected one operation, got a list: there is no batching')
  if (typeof params !== 'object' || params === null) throw malformed('Expected the body to be a JSON object')
  if (params.query == null) throw malformed('Expected `query` to be a GraphQL document, got none')
  return params
}

async function asGraphql(read: () => Promise<GraphQLParams>): Promise<GraphQLParams> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof UnreadableRequest) throw malformed(error.message, error.status)
    throw error
  }
}
