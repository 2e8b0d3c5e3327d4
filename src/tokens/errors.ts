/**
 * Every failure that is not an ordinary answer. Programs read the codes, whose meaning never changes. Callers read the
 * messages, which say what was found and what to do, and contain no token, digest, secret or SQL.
 */
export const errorCodes = {
  ERR_BAD_INPUT: 'The request cannot mean anything; mend it before sending it again.',
  ERR_UNAUTHENTICATED: 'Credentials are missing where some are needed, or wrong.',
  ERR_FORBIDDEN: 'The caller is known and may not do this.',
  ERR_MORE_THAN_EXPECTED: 'More tokens would end than the caller expected; nothing was changed.',
  ERR_STORAGE_UNAVAILABLE: 'The database did not answer, so the outcome is unknown; repeating the request is safe.',
  ERR_CONFIGURATION: 'The settings are wrong; the message names every fault.',
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
