import { TokenServiceError } from '../../tokens/errors.ts'
import type { DatabaseLocation } from './database.ts'
import { codeOf, evidence, isUnavailable, unavailable, unwrap } from './errors.ts'

/**
 * Runs what is done with a database before the service is ready. Each failure of a server becomes one sentence that says
 * what to do, with the server's own words as its cause. Only a defect of this program, an error that no server has sent,
 * stays as it is.
 *
 * A refusal at this point means wrong settings: it would not pass with time. (The same refusal later means that an
 * operator is working on the server, and it passes.)
 */
export async function guardOpening<Answer>(location: DatabaseLocation, run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    const fault = toOpeningError(error)
    throw fault instanceof TokenServiceError ? withoutPasswords(fault, location) : fault
  }
}

/** A server may repeat what it was sent, and a driver what it was given. */
function withoutPasswords(fault: TokenServiceError, location: DatabaseLocation): TokenServiceError {
  const { code, message, cause } = fault
  if (!(cause instanceof Error) || location.kind === 'embedded') return fault
  const passwords = [location.url, location.directUrl].flatMap(passwordsOf)
  const words = passwords.reduce((text, password) => text.replaceAll(password, '[password]'), cause.message)
  return new TokenServiceError(code, message, new Error(words))
}

/** As the url has it, and as the driver sends it. A shorter one is no secret, and would make the words unreadable. */
function passwordsOf(url: string): readonly string[] {
  const { password } = new URL(url)
  return [password, decodeURIComponent(password)].filter(({ length }) => length > 3)
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
    throw isUnavailable(error) ? error : refusal(error, adviceFor(error) ?? access)
  }
}

function toOpeningError(error: unknown): unknown {
  if (error instanceof TokenServiceError) return error
  const driver = unwrap(error)
  const advice = adviceFor(driver)
  if (advice !== undefined) return refusal(driver, advice)
  if (isUnavailable(driver)) return unavailable(driver)
  return isFromServer(driver) ? refusal(driver, access) : error
}

const access =
  'PostgreSQL refuses the connection or its role: check DATABASE_URL, and that its role may create schemas, tables and functions there.'

/** By SQLSTATE: what the operator can do. The server's words stand behind it. */
function adviceFor(error: unknown): string | undefined {
  switch (codeOf(error)) {
    // 28 authentication refused; no such database; the role lacks a privilege.
    case '28000':
    case '28P01':
    case '3D000':
    case '42501':
      return access
    // A relation, an object, a function or a schema of this name exists.
    case '42P07':
    case '42710':
    case '42723':
    case '42P06':
      return 'The tables of this service need a PostgreSQL database of their own, and this one holds others: create a database, and set DATABASE_URL to it.'
    case '3F000':
      return 'The tables of this service go into the schema public: create it, and let the role of DATABASE_URL create tables there.'
    case '25006':
      return 'The database takes no writes: set DATABASE_URL to the primary server, and let its role write.'
    case '08P01':
      return 'A pooler in transaction mode needs two settings: set DATABASE_URL to the pooler, and DATABASE_DIRECT_URL to PostgreSQL itself.'
    // Of two encodings that Postgres cannot convert into each other; it needs no other feature of a server.
    case '0A000':
      return `The database has an encoding that can't be converted, and this service needs UTF8: ${adviceOnEncoding}`
    default:
      return undefined
  }
}

/** The end of a sentence. */
export const adviceOnEncoding =
  "create another one with `create database … encoding 'UTF8' template template0`, and set DATABASE_URL to it."

/** Whether a server has sent it: it then has a SQLSTATE. */
function isFromServer(error: unknown): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(codeOf(error) ?? '')
}

function refusal(error: unknown, advice: string): TokenServiceError {
  return new TokenServiceError('ERR_CONFIGURATION', advice, evidence(error))
}
