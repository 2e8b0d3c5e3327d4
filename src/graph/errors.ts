import { GraphQLError, type GraphQLErrorExtensions, type GraphQLSchema } from 'graphql'
import type { EmitEvent } from '../events/events.ts'
import { emitFault } from '../tokens/emit-fault.ts'
import { RateLimitedError, TokenServiceError } from '../tokens/errors.ts'
import { messageInDialect } from '../tokens/input-fault.ts'
import { nameField } from './field-names.ts'
import { createRedactor } from './redact.ts'

/** An error as GraphQL clients see it: `extensions.code`, and the HTTP status of the answer. */
interface Presentation {
  readonly code: string
  readonly http: {
    readonly status: number
    readonly spec?: boolean
    readonly headers?: Readonly<Record<string, string>>
  }
}

/** RFC 9110 §11.6.1: a 401 names the ways to authenticate. */
const challenge = 'Bearer realm="invalidate-token", Basic realm="invalidate-token", charset="UTF-8"'

/** `spec`: clients that accept only `application/json` get a 200, as GraphQL over HTTP specifies. */
const badInputHttp = { status: 400, spec: true }

function presentationOf(error: TokenServiceError): Presentation | undefined {
  const { code } = error
  switch (code) {
    case 'ERR_BAD_INPUT':
      return { code: 'BAD_USER_INPUT', http: badInputHttp }
    case 'ERR_UNAUTHENTICATED':
      return { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'www-authenticate': challenge } } }
    case 'ERR_FORBIDDEN':
      return { code: 'FORBIDDEN', http: { status: 403 } }
    case 'ERR_MORE_THAN_EXPECTED':
      return { code: 'MORE_THAN_EXPECTED', http: { status: 409, spec: true } }
    case 'ERR_CANCELLED':
    case 'ERR_STORAGE_UNAVAILABLE':
      // Never a 401: clients would discard valid tokens.
      return { code: 'SERVICE_UNAVAILABLE', http: { status: 503, headers: { 'retry-after': '1' } } }
    case 'ERR_RATE_LIMITED': {
      const seconds = error instanceof RateLimitedError ? error.retryAfterSeconds : 1
      return { code: 'RATE_LIMITED', http: { status: 429, headers: { 'retry-after': String(seconds) } } }
    }
    case 'ERR_CONFIGURATION':
    case 'ERR_DATA_DIR_IN_USE':
    case 'ERR_DATABASE_RESTORED':
      return undefined
    default:
      return code satisfies never
  }
}

/**
 * Turns any error into one that may be shown.
 *
 * A `TokenServiceError` becomes its code and message. graphql-js's own errors about a request become `BAD_USER_INPUT`,
 * without the values that they repeat and, unless `suggests`, without names that the caller did not send. Any other error is a fault of this service: it is reported as an event, and the
 * caller reads "Unexpected error.".
 */
export function createErrorPresenter(
  schema: GraphQLSchema,
  emit: EmitEvent,
  { suggests = true }: { readonly suggests?: boolean } = {},
): (error: unknown) => GraphQLError {
  const redact = createRedactor(schema)
  const word = suggests ? redact : (located: GraphQLError) => redact(located).replace(suggestion, '')

  return (error) => {
    const located = error instanceof GraphQLError ? error : undefined
    const origin = originOf(error)
    if (origin instanceof TokenServiceError) {
      const presentation = presentationOf(origin)
      if (origin.code === 'ERR_STORAGE_UNAVAILABLE') emitFault(emit, origin)
      if (presentation !== undefined)
        return present(messageInDialect(origin, nameField), { ...presentation, ...httpOf(located) }, located)
    }
    if (located !== undefined && origin instanceof GraphQLError && origin.extensions['unexpected'] !== true)
      return present(word(located), { code: 'BAD_USER_INPUT', http: badInputHttp, ...httpOf(located) }, located)
    emitFault(emit, origin)
    return present('Unexpected error.', { code: 'INTERNAL_SERVER_ERROR', http: { status: 500 } }, located)
  }
}

/** graphql-js suggests names of the schema that are like an unknown one. */
const suggestion = / Did you mean .*\?$/s

function present(message: string, extensions: GraphQLErrorExtensions, located: GraphQLError | undefined): GraphQLError {
  const { source, positions, path } = located ?? {}
  return new GraphQLError(message, {
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    extensions,
  })
}

/** The HTTP status that the route chose (405, 413, …), and nothing else: Yoga adds the parser's message there. */
function httpOf(located: GraphQLError | undefined): GraphQLErrorExtensions {
  const http = located?.extensions['http']
  return typeof http === 'object' && http !== null ? { http } : {}
}

/** The original error: graphql-js and Yoga wrap it, sometimes more than once. */
function originOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? originOf(error.originalError) : error
}
