import { GraphQLError } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'
import { badInput } from '../tokens/owner.ts'

/** More than the largest operation that means something here needs, and too little to keep a server busy. */
export const mostBodyBytes = 64 * 1024

/**
 * The GraphQL parameters of a POST (GraphQL over HTTP §5.1: `application/json` and nothing else, so that no form of a
 * foreign page can make a request without a CORS preflight).
 *
 * Read here and not by Yoga because Yoga pipes every body through a counting stream (twice the cost of a request)
 * and replaces ill-formed UTF-8, by which two names become one.
 *
 * @throws GraphQLError `malformed`
 */
export async function readPostParams(request: Request): Promise<GraphQLParams> {
  const bytes = await readBody(request)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw malformed('Expected the body to be UTF-8, got ill-formed bytes')
  }
  return withQuery(readJson(text, 'body'))
}

/**
 * The parameters of a GET (GraphQL over HTTP §5.2). Mutations by GET are refused further in.
 *
 * @throws GraphQLError `malformed`
 */
export function readGetParams(request: Request): GraphQLParams {
  const given = new URL(request.url).searchParams
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

async function readBody(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get('content-length')
  // Where it is a number, the HTTP parser sees to it that the body is as long as announced.
  if (announced !== null && /^\d+$/.test(announced)) {
    if (Number(announced) > mostBodyBytes) throw tooLarge()
    return new Uint8Array(await request.arrayBuffer())
  }
  return request.body === null ? new Uint8Array() : collect(request.body)
}

async function collect(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.byteLength
    if (length > mostBodyBytes) throw tooLarge()
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function readJson<Value>(text: string, where: string): Value {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message repeats what it stumbled over.
    throw malformed(`Expected the ${where} to be JSON`)
  }
}

function tooLarge(): GraphQLError {
  return malformed(`Expected a body of at most ${mostBodyBytes} bytes`, 413)
}
