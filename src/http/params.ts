import type { GraphQLParams } from 'graphql-yoga'
import type { TokenServiceError } from '../tokens/errors.ts'
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
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export async function readPostParams(request: Request): Promise<GraphQLParams> {
  const bytes = await readBody(request)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw badInput('Expected the body to be UTF-8, got ill-formed bytes')
  }
  return readJson(text, 'body')
}

/** The parameters of a GET (GraphQL over HTTP §5.2). Mutations by GET are refused further in. */
export function readGetParams(request: Request): GraphQLParams {
  const given = new URL(request.url).searchParams
  const variables = given.get('variables')
  const extensions = given.get('extensions')
  const query = given.get('query')
  const operationName = given.get('operationName')
  return {
    ...(query && { query }),
    ...(operationName && { operationName }),
    ...(variables && { variables: readJson(variables, 'variables') }),
    ...(extensions && { extensions: readJson(extensions, 'extensions') }),
  }
}

async function readBody(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get('content-length')
  if (announced !== null) {
    // The HTTP parser sees to it that a body is as long as announced.
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
    throw badInput(`Expected the ${where} to be JSON`)
  }
}

function tooLarge(): TokenServiceError {
  return badInput(`Expected a body of at most ${mostBodyBytes} bytes`)
}
