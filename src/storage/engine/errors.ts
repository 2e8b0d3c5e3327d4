import { DrizzleQueryError } from 'drizzle-orm/errors'
import { TokenServiceError } from '../../tokens/errors.ts'

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

/** 28, a server that does not let us in; 3D000, no such database; 42501, a role that may not do what opening takes. */
const refusedState = /^(28|3D000$|42501$)/

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

/**
 * `guardStorage` for opening a database: what PostgreSQL refuses there it will refuse tomorrow, so it is the settings
 * that are wrong. (Later the same refusal is an operator at work on the server, and passes.)
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
 * For the first connection, within `guardOpening`: nothing of ours has run yet, so what is not out of reach is refused,
 * be it by the driver, which has no SQLSTATE for it: a server without TLS, a certificate that is not trusted.
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
    'PostgreSQL does not let us in, or not do what we must: check DATABASE_URL, and that its role may create schemas, tables and functions there.',
    evidence(error),
  )
}

/** Without drizzle's wrapper. */
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

/** Code and message alone: Postgres puts rows into `detail` and statements into `internalQuery`. */
export function evidence(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(typeof error)
  const code = codeOf(error)
  return new Error(code === undefined || error.message.startsWith(code) ? error.message : `${code}: ${error.message}`)
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
