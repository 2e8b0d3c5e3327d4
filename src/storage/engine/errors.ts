import { DrizzleQueryError } from 'drizzle-orm/errors'
import { TokenServiceError } from '../../tokens/errors.ts'

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

/** 28 authentication refused; 3D000 no such database; 42501 the role lacks a privilege that opening needs. */
const refusedState = /^(28|3D000$|42501$)/

/** Messages of `pg` and PGlite, without a code, for a lost connection or for no connection free in time. */
const goneMessage = /terminat|timeout|timed out|not queryable|closed|shutting down|has been ended|after calling end/i

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

/**
 * `guardStorage` for opening a database. A refusal by PostgreSQL at this point means wrong settings: it would not pass
 * with time. (The same refusal later means that an operator is working on the server, and it passes.)
 */
export async function guardOpening<Answer>(run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    const driver = unwrap(error)
    throw refusedState.test(codeOf(driver) ?? '') ? refusal(driver) : toStorageError(error)
  }
}

/**
 * For the first connection, within `guardOpening`. No statement of ours has run yet, so every error but an unavailable
 * server is a refusal. Some refusals come from the driver and have no SQLSTATE: a server without TLS, a certificate
 * that is not trusted.
 */
export async function guardConnecting<Answer>(run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    throw isUnavailable(error) ? error : refusal(error)
  }
}

function refusal(error: unknown): TokenServiceError {
  return new TokenServiceError(
    'ERR_CONFIGURATION',
    'PostgreSQL refuses the connection or its role: check DATABASE_URL, and that its role may create schemas, tables and functions there.',
    evidence(error),
  )
}

/** Removes drizzle's wrapper. */
function unwrap(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? error.cause : error
}

function toStorageError(error: unknown): Error {
  if (error instanceof TokenServiceError) return error
  const driver = unwrap(error)
  if (isUnavailable(driver))
    return new TokenServiceError(
      'ERR_STORAGE_UNAVAILABLE',
      'The database is not available; try again in a moment.',
      evidence(driver),
    )
  return new Error('A statement failed unexpectedly', { cause: evidence(driver) })
}

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
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
  if (!(driver instanceof Error)) return new Error(typeof driver)
  const code = codeOf(driver)
  const { message } = driver
  return new Error(code === undefined || message.startsWith(code) ? message : `${code}: ${message}`)
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
