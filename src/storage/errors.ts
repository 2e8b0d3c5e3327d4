import { DrizzleQueryError } from 'drizzle-orm/errors'
import { TokenServiceError } from '../tokens/errors.ts'

/** Node's own: no connection could be made, or it broke. */
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
 * SQLSTATE classes of a server that is not there for us: 08 connection, 28 it does not let us in, 53 resources,
 * 57 operator intervention (also 57014, a statement cancelled by its time-out), 58 system; and 3D000, no such database,
 * 55P03, a lock not granted in time, 40 rolled back, 25006 a read-only standby.
 */
const unavailableState = /^(08|28|40|53|57|58)|^(3D000|55P03|25006)$/

/** What `pg` and PGlite say, without a code, when the connection is gone or none came free in time. */
const goneMessage = /terminat|timeout|timed out|not queryable|closed|shutting down|has been ended|after calling end/i

/**
 * Runs a statement and turns whatever breaks into an error that may be logged.
 *
 * Drizzle writes the parameters into its message; they are digests and names, and have no place in a log. So its
 * wrapper is taken off, and the driver's own error (which carries no parameters) is the cause.
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
  const driver = error instanceof DrizzleQueryError ? error.cause : error
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

/** Code and message alone: Postgres puts rows into `detail` and statements into `internalQuery`. */
function evidence(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(typeof error)
  const code = codeOf(error)
  return new Error(code === undefined ? error.message : `${code}: ${error.message}`)
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
