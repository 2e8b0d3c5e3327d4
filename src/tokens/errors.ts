/**
 * Everything that can go wrong and is not an answer. Codes are for programs and never change their meaning; messages
 * are for strangers: what was found and what to do, with no token, digest, secret or SQL in them.
 */
export const errorCodes = {
  ERR_BAD_INPUT: 'The request cannot mean anything; mend it before sending it again.',
  ERR_UNAUTHENTICATED: 'Credentials are missing where some are needed, or wrong.',
  ERR_FORBIDDEN: 'The caller is known and may not do this.',
  ERR_STORAGE_UNAVAILABLE: 'The database did not answer, so the outcome is unknown; repeating the request is safe.',
  ERR_CONFIGURATION: 'The settings are wrong; the message names every fault.',
  ERR_DATA_DIR_IN_USE: 'Another process has the embedded database open.',
} as const

export type ErrorCode = keyof typeof errorCodes

export class TokenServiceError extends Error {
  override readonly name = 'TokenServiceError'
  readonly code: ErrorCode

  /** `cause` is evidence for the operator's log; no door shows it. */
  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
