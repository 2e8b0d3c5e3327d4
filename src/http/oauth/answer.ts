import type { EmitEvent } from '../../events/events.ts'
import { emitFault } from '../../tokens/emit-fault.ts'
import { RateLimitedError, TokenServiceError } from '../../tokens/errors.ts'
import { messageInDialect, quoteNames } from '../../tokens/input-fault.ts'
import { answerHeaders } from '../answer-headers.ts'
import { UnreadableRequest } from '../body.ts'
import type { RouteHandler } from '../request-context.ts'
import { parameterNames } from './parameter-names.ts'

/** RFC 6749 §5.1 requires both for an answer that holds a token. `Pragma` is for caches of HTTP/1.0. */
const headers = { ...answerHeaders, pragma: 'no-cache' } as const

type HeaderFields = Readonly<Record<string, string>>

/** RFC 6749 §5.2; RFC 6750 §3.1 for callers with an access token; RFC 6749 §4.1.2.1 for faults of the server. */
type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'unsupported_grant_type'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'temporarily_unavailable'
  | 'server_error'

/** A refusal with a code of OAuth and status 400. The message is for the client: ASCII without `"` and `\` (§5.2). */
export class OAuthError extends Error {
  readonly code: OAuthErrorCode

  constructor(code: OAuthErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

export function answerJson(body: object): Response {
  return Response.json(body, { headers })
}

export function answerEmpty(status: 200 | 204): Response {
  return new Response(null, { status, headers })
}

/**
 * Makes a route answer its errors too. An error that no caller can correct is reported as an event, and is not shown.
 */
export function withErrorAnswers(answer: RouteHandler, emit: EmitEvent): RouteHandler {
  return async (request, context) => {
    try {
      return await answer(request, context)
    } catch (error) {
      return answerError(error, request, emit)
    }
  }
}

function answerError(error: unknown, request: Request, emit: EmitEvent): Response {
  if (error instanceof OAuthError) return refuse(400, error.code, error.message)
  if (error instanceof UnreadableRequest) return refuse(error.status, 'invalid_request', error.message)
  const isBearer = /^bearer\b/i.test(request.headers.get('authorization')?.trim() ?? '')
  const answer = error instanceof TokenServiceError ? answerServiceError(error, isBearer) : undefined
  if (answer === undefined || answer.status === 503) emitFault(emit, error)
  return answer ?? refuse(500, 'server_error', 'Unexpected error.')
}

const nameParameter = quoteNames(parameterNames)

function answerServiceError(error: TokenServiceError, isBearer: boolean): Response | undefined {
  const { code, message } = error
  switch (code) {
    case 'ERR_BAD_INPUT':
      return refuse(400, 'invalid_request', messageInDialect(error, nameParameter))
    case 'ERR_UNAUTHENTICATED':
      // RFC 7662 §2.3 refers to RFC 6749 §5.2 for the errors of clients, and to RFC 6750 §3 for bearers of a token.
      return isBearer
        ? refuse(401, 'invalid_token', message, bearerChallenge('invalid_token', message))
        : refuse(401, 'invalid_client', message, challenge)
    case 'ERR_FORBIDDEN':
      // A scope is missing. Clients that authenticate by their secret get the same code: RFC 6749 has none for this.
      return refuse(403, 'insufficient_scope', message, isBearer ? bearerChallenge('insufficient_scope', message) : {})
    case 'ERR_CANCELLED':
    case 'ERR_STORAGE_UNAVAILABLE':
      // RFC 7009 §2.2.1: after a 503 "the client must assume the token still exists and may retry". Never a 401.
      return refuse(503, 'temporarily_unavailable', message, { 'retry-after': '1' })
    case 'ERR_RATE_LIMITED':
      // OAuth has no code for it: RFC 6749 §4.1.2.1, "temporary overloading".
      return refuse(429, 'temporarily_unavailable', message, retryAfter(error))
    case 'ERR_MORE_THAN_EXPECTED':
    case 'ERR_CONFIGURATION':
    case 'ERR_DATA_DIR_IN_USE':
    case 'ERR_DATABASE_RESTORED':
      return undefined
    default:
      return code satisfies never
  }
}

function retryAfter(error: TokenServiceError): HeaderFields {
  return error instanceof RateLimitedError ? { 'retry-after': String(error.retryAfterSeconds) } : {}
}

/** RFC 9110 §11.6.1: a 401 names the ways to authenticate. */
const challenge = {
  'www-authenticate': 'Basic realm="invalidate-token", charset="UTF-8", Bearer realm="invalidate-token"',
}

function bearerChallenge(error: OAuthErrorCode, description: string): HeaderFields {
  const parameters = `error="${error}", error_description="${description}"`
  return { 'www-authenticate': `Bearer realm="invalidate-token", ${parameters}` }
}

function refuse(status: number, error: OAuthErrorCode, description: string, more: HeaderFields = {}): Response {
  return Response.json({ error, error_description: description }, { status, headers: { ...headers, ...more } })
}
