import type { EmitEvent } from '../../events/events.ts'
import { emitFault } from '../../tokens/emit-fault.ts'
import { RateLimitedError, TokenServiceError } from '../../tokens/errors.ts'
import { messageInDialect } from '../../tokens/input-fault.ts'
import { UnreadableRequest } from '../body.ts'
import { nameField } from './field-names.ts'

/** An error as the client sees it, with the error that caused it. */
export interface Cause {
  readonly type: string
  readonly reason: string
  readonly caused_by?: Cause
}

type HeaderFields = Readonly<Record<string, string | readonly string[]>>

/** Elasticsearch's clients turn it into a `ResponseError`, whose message they build from `type` and `root_cause`. */
export class ElasticsearchError extends Error {
  readonly status: number
  readonly shownCause: Cause
  /** Sent as headers, and repeated in the body, as Elasticsearch does with `WWW-Authenticate`. */
  readonly headers: HeaderFields

  constructor(status: number, cause: Cause, headers: HeaderFields = {}) {
    super(cause.reason)
    this.status = status
    this.shownCause = cause
    this.headers = headers
  }

  get body(): object {
    const header = Object.keys(this.headers).length === 0 ? {} : { header: this.headers }
    const { caused_by: _, ...root } = this.shownCause
    return { error: { root_cause: [{ ...root, ...header }], ...this.shownCause, ...header }, status: this.status }
  }
}

/** The ways to authenticate, as Elasticsearch lists them. */
const challenges = ['Basic realm="security" charset="UTF-8"', 'Bearer realm="security"', 'ApiKey']
const noRetryBefore = { 'Retry-After': '1' }

export function unauthenticated(reason: string): ElasticsearchError {
  return security(401, reason, { 'WWW-Authenticate': challenges })
}

/** The answer for every access token that was valid once: clients refresh when they read it. */
export function tokenExpired(): ElasticsearchError {
  const challenge = 'Bearer realm="security", error="invalid_token", error_description="The access token expired"'
  return security(401, 'token expired', { 'WWW-Authenticate': challenge })
}

export function unauthorized(reason: string): ElasticsearchError {
  return security(403, reason)
}

export function badRequest(type: string, reason: string, causedBy?: Cause): ElasticsearchError {
  return new ElasticsearchError(400, { type, reason, ...(causedBy && { caused_by: causedBy }) })
}

/** All faults in one message, numbered as Elasticsearch numbers them. */
export function numbered(faults: readonly string[]): string {
  return `Validation Failed: ${faults.map((fault, index) => `${index + 1}: ${fault};`).join('')}`
}

/** Turns any error into one that the client may see. Errors that the client did not cause are reported as events. */
export function toElasticsearchError(error: unknown, emit: EmitEvent): ElasticsearchError {
  if (error instanceof ElasticsearchError) return error
  if (error instanceof UnreadableRequest) return toFormError(error)
  if (error instanceof TokenServiceError) {
    if (error.code === 'ERR_BAD_INPUT')
      return badRequest('illegal_argument_exception', messageInDialect(error, nameField))
    if (error.code === 'ERR_UNAUTHENTICATED') return unauthenticated(wrongCredentials)
    if (error.code === 'ERR_FORBIDDEN') return unauthorized(error.message)
    if (error instanceof RateLimitedError) return rejected(error)
  }
  if (error instanceof TokenServiceError && error.code === 'ERR_CANCELLED') return unavailable()
  emitFault(emit, error)
  if (error instanceof TokenServiceError && error.code === 'ERR_STORAGE_UNAVAILABLE') return unavailable()
  return new ElasticsearchError(500, { type: 'exception', reason: 'Unexpected error.' })
}

/** Never a 401: clients would discard valid tokens. */
export function unavailable(): ElasticsearchError {
  return security(503, 'unable to perform requested action', noRetryBefore)
}

/** What Elasticsearch answers when its queues are full. Its clients try again. */
function rejected({ message, retryAfterSeconds }: RateLimitedError): ElasticsearchError {
  const cause = { type: 'es_rejected_execution_exception', reason: message }
  return new ElasticsearchError(429, cause, { 'Retry-After': String(retryAfterSeconds) })
}

export const wrongCredentials =
  'unable to authenticate with provided credentials and anonymous access is not allowed for this request'

function security(status: number, reason: string, headers: HeaderFields = {}): ElasticsearchError {
  return new ElasticsearchError(status, { type: 'security_exception', reason }, headers)
}

function toFormError({ status, message }: UnreadableRequest): ElasticsearchError {
  const type = status === 400 ? 'x_content_parse_exception' : 'illegal_argument_exception'
  return new ElasticsearchError(status, { type, reason: message })
}
