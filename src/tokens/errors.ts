/**
 * Every failure that is not an ordinary answer. Programs read the codes, whose meaning never changes. Callers read the
 * messages, which say what was found and what to do, and contain no token, digest, secret or SQL.
 */
export const errorCodes = {
  ERR_BAD_INPUT: 'The request is not valid; correct it before sending it again.',
  ERR_UNAUTHENTICATED: 'Credentials are required and missing, or they are wrong.',
  ERR_FORBIDDEN: 'The caller is authenticated, but is not allowed to do this.',
  ERR_MORE_THAN_EXPECTED: 'More tokens would end than the caller expected; nothing was changed.',
  ERR_RATE_LIMITED:
    'The caller, or its address, has asked for too much in the last minute, or has too many streams open; try again later.',
  ERR_STORAGE_UNAVAILABLE: 'The database did not answer, so the outcome is unknown; repeating the request is safe.',
  ERR_CANCELLED:
    'Nobody waits for the answer any more: the client has left, or the request took too long. The rest of it was not done.',
  ERR_CONFIGURATION: 'The settings are wrong; the message says which, and why.',
  ERR_DATA_DIR_IN_USE: 'Another process has the embedded database open.',
  ERR_DATABASE_RESTORED: 'The database was restored from a backup or copied; an operator must run `restored` first.',
} as const

export type ErrorCode = keyof typeof errorCodes

export class TokenServiceError extends Error {
  override readonly name = 'TokenServiceError'
  readonly code: ErrorCode

  /** `cause` is evidence for the operator's log; no route sends it to a client. */
  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** Refused because of how much the same caller, or the same address, has asked for: 429 in every dialect. */
export class RateLimitedError extends TokenServiceError {
  /** At least 1. */
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number) {
    super('ERR_RATE_LIMITED', `Too many requests: try again in ${retryAfterSeconds} s.`)
    this.retryAfterSeconds = retryAfterSeconds
  }
}
