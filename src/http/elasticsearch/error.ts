import { TokenServiceError } from '../../tokens/errors.ts'
import { UnreadableRequest } from '../body.ts'

/** One error behind another, as far as it is told. */
export interface Cause {
  readonly type: string
  readonly reason: string
  readonly caused_by?: Cause
}

type HeaderFields = Readonly<Record<string, string | readonly string[]>>

/** What Elasticsearch's clients make a `ResponseError` of: they build its message from `type` and `root_cause`. */
export class ElasticsearchError extends Error {
  readonly status: number
  readonly causeToTell: Cause
  /** Sent as headers, and repeated in the body, as Elasticsearch does with `WWW-Authenticate`. */
  readonly headers: HeaderFields

  constructor(status: number, cause: Cause, headers: HeaderFields = {}) {
    super(cause.reason)
    this.status = status
    this.causeToTell = cause
    this.headers = headers
  }

  get body(): object {
    const header = Object.keys(this.headers).length === 0 ? {} : { header: this.headers }
    const { caused_by: _, ...root } = this.causeToTell
    return { error: { root_cause: [{ ...root, ...header }], ...this.causeToTell, ...header }, status: this.status }
  }
}

/** How one may authenticate, as Elasticsearch lists it. */
const challenges = ['Basic realm="security" charset="UTF-8"', 'Bearer realm="security"', 'ApiKey']
const noRetryBefore = { 'Retry-After': '1' }

export function unauthenticated(reason: string): ElasticsearchError {
  return security(401, reason, { 'WWW-Authenticate': challenges })
}

/** The one answer for an access token that was good once: clients refresh when they read it. */
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

/** All faults at once, numbered as Elasticsearch numbers them. */
export function numbered(faults: readonly string[]): string {
  return `Validation Failed: ${faults.map((fault, index) => `${index + 1}: ${fault};`).join('')}`
}

/** What may be told of whatever went wrong; the rest goes to `report`. */
export function toElasticsearchError(error: unknown, report: (error: unknown) => void): ElasticsearchError {
  if (error instanceof ElasticsearchError) return error
  if (error instanceof UnreadableRequest) return ofForm(error)
  if (error instanceof TokenServiceError) {
    if (error.code === 'ERR_BAD_INPUT') return badRequest('illegal_argument_exception', inTheirWords(error.message))
    if (error.code === 'ERR_UNAUTHENTICATED') return unauthenticated(wrongCredentials)
    if (error.code === 'ERR_FORBIDDEN') return unauthorized(error.message)
  }
  report(error)
  // Never a 401: clients throw good tokens away for it.
  if (error instanceof TokenServiceError && error.code === 'ERR_STORAGE_UNAVAILABLE')
    return security(503, 'unable to perform requested action', noRetryBefore)
  return new ElasticsearchError(500, { type: 'exception', reason: 'Unexpected error.' })
}

export const wrongCredentials =
  'unable to authenticate with provided credentials and anonymous access is not allowed for this request'

function security(status: number, reason: string, headers: HeaderFields = {}): ElasticsearchError {
  return new ElasticsearchError(status, { type: 'security_exception', reason }, headers)
}

function ofForm({ status, message }: UnreadableRequest): ElasticsearchError {
  const type = status === 400 ? 'x_content_parse_exception' : 'illegal_argument_exception'
  return new ElasticsearchError(status, { type, reason: message })
}

/** Messages name the fields of the verbs; here they have other names. */
function inTheirWords(message: string): string {
  return message.replace('`realmName`', '`realm_name`').replace('`refreshToken`', '`refresh_token`')
}
