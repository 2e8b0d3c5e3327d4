import { DrizzleQueryError } from 'drizzle-orm/errors'
import { TokenServiceError } from '../../tokens/errors.ts'
import { tokenLookalike } from '../../tokens/token.ts'
import { fileFaultOf } from './file-faults.ts'

/** Error codes of Node: no connection could be made, or the connection broke. */
const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
])

/**
 * SQLSTATEs of a server that can't serve us now. Classes: 08 connection, 28 authentication refused, 40 transaction
 * rolled back, 53 resources, 57 operator intervention (also 57014, a statement cancelled by its time-out), 58 system.
 * Single codes: 3D000 no such database, 55P03 a lock not granted in time; 25006 and 55000 a standby, which refuses
 * writes and does not say where the primary is.
 */
const unavailableState = /^(08|28|40|53|57|58)|^(3D000|55P03|25006|55000)$/

/** The server could not use one of its files. The SQLSTATE depends on the errno, and of some errnos it is XX000. */
const fileMessage =
  /^could not (?:access|close|create|extend|flush|fsync|link|open|read|remove|rename|seek|stat|truncate|write)\b/

/** Messages of `pg` and PGlite, without a code, for a lost connection or for no connection free in time. */
const goneMessage = /terminat|timeout|timed out|not queryable|closed|shutting down|has been ended|after calling end/i

/** A statement failed for a reason that its caller could not expect. */
class StatementError extends Error {
  override readonly name = 'StatementError'
}

/**
 * Runs a statement and turns any failure into an error that may be logged.
 *
 * Drizzle writes the parameters into its error message. They are digests and names, which must not be logged. So
 * drizzle's wrapper is removed, and the driver's own error, which contains no parameters, becomes the cause.
 */
export async function guardStorage<Answer>(run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    throw toStorageError(error)
  }
}

function toStorageError(error: unknown): Error {
  if (error instanceof TokenServiceError) return error
  const driver = unwrap(error)
  return isUnavailable(driver)
    ? unavailable(driver)
    : new StatementError('A statement failed unexpectedly', { cause: evidence(driver) })
}

export function unavailable(error: unknown): TokenServiceError {
  return new TokenServiceError(
    'ERR_STORAGE_UNAVAILABLE',
    'The database is not available; try again in a moment.',
    evidence(error),
  )
}

/** Removes drizzle's wrapper, and ours. */
export function unwrap(error: unknown): unknown {
  return error instanceof DrizzleQueryError || error instanceof StatementError ? unwrap(error.cause) : error
}

export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return fileFaultOf(error) !== undefined
  if (fileMessage.test(error.message)) return true
  const code = codeOf(error)
  if (code !== undefined) return networkCodes.has(code) || unavailableState.test(code)
  if (error instanceof AggregateError) return error.errors.some(isUnavailable)
  return goneMessage.test(error.message)
}

/**
 * The driver's own error, without what must not be logged. Keeps the code and the message only: Postgres puts rows into
 * `detail` and statements into `internalQuery`, and the pool adds the connection with its settings.
 */
export function evidence(error: unknown): Error {
  const driver = unwrap(error)
  const code = codeOf(driver)
  const words = wordsOf(driver).replace(tokenLookalike, '[token]').replaceAll(/\s+/g, ' ')
  const message = code === undefined || words.startsWith(code) ? words : `${code}: ${words}`
  return Object.assign(new Error(message), code !== undefined && { code })
}

/** What is thrown need not be an `Error`: PGlite's file system throws objects that have a number and no message. */
function wordsOf(error: unknown): string {
  if (error instanceof Error) return error.message
  if (typeof error === 'string') return error
  const fault = fileFaultOf(error)
  return fault === undefined ? typeof error : `${fault.errno}: ${fault.words}`
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
