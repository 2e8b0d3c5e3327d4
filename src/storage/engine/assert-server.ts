import { getTableName, getViewName, type SQL, sql } from 'drizzle-orm'
import { TokenServiceError } from '../../tokens/errors.ts'
import {
  clients,
  databaseIdentity,
  forgottenRevocations,
  revocations,
  spentRefreshTokens,
  tokenPairStates,
  tokenPairs,
} from '../schema.ts'
import type { Db } from './database.ts'
import { adviceOnEncoding } from './opening-errors.ts'
import { neededSettings, serverTimeoutMs } from './session-settings.ts'

/**
 * Requires a database that can hold the tables, before they are made.
 *
 * @throws TokenServiceError ERR_CONFIGURATION
 */
export async function assertDatabase(db: Pick<Db, 'select'>): Promise<void> {
  const [database] = await db
    .select({
      name: sql<string>`current_database()::text`,
      encoding: setting('server_encoding'),
      isStandby: sql<boolean>`pg_is_in_recovery()`,
      isReadOnly: sql<boolean>`current_setting('default_transaction_read_only')::boolean`,
      change: alterRole,
    })
    .from(sql`(select) one`)
  if (database === undefined) throw new Error('The database returned no row about itself')
  const { name, encoding, isStandby, isReadOnly, change } = database
  // In any other encoding some names cannot be stored. In SQL_ASCII, one name could be stored as two different texts.
  if (encoding !== 'UTF8')
    throw wrong(`The database ${name} has the encoding ${encoding}, and this service needs UTF8: ${adviceOnEncoding}`)
  if (isStandby) throw wrong('The server is a standby, which takes no writes: set DATABASE_URL to the primary server.')
  if (isReadOnly)
    throw wrong(
      `The database ${name} is set to read only for this role: when it may be written again, run \`${change} default_transaction_read_only = off\`, or reset that setting where it was made.`,
    )
}

/**
 * Requires of the connections that requests use what the statements need. On direct connections we have set it
 * ourselves. A pooler hands out connections with the settings of the database and the role.
 *
 * `statementTimeoutMs`: after how long we give a statement up. The server must end it before that.
 *
 * @throws TokenServiceError ERR_CONFIGURATION
 */
export async function assertSession(db: Pick<Db, 'select'>, statementTimeoutMs: number): Promise<void> {
  const [session] = await db
    .select({
      missing: sql<string | null>`(select min(name) from ${ourRelations} where to_regclass('public.' || name) is null)`,
      isHidden: sql<boolean>`exists (
        select from ${ourRelations} where to_regclass(name) is distinct from to_regclass('public.' || name))`,
      searchPath: setting('search_path'),
      isolation: setting('default_transaction_isolation'),
      arrayNulls: setting('array_nulls'),
      synchronousCommit: setting('synchronous_commit'),
      statementTimeout: setting('statement_timeout'),
      serverTimeoutMs: sql`(select setting from pg_settings where name = 'statement_timeout')`.mapWith(Number),
      change: alterRole,
    })
    .from(sql`(select) one`)
  if (session === undefined) throw new Error('The database returned no row about its session')
  const { missing, isHidden, searchPath, isolation, arrayNulls, change, ...found } = session
  if (missing !== null)
    throw wrong(
      `The migrations are recorded in this database as applied, but the schema public has no ${missing}: move the tables of this service there, or set DATABASE_URL to a database of its own.`,
    )
  // Any path will do on which our names are found first.
  if (isHidden) throw wrongSetting('search_path', searchPath, change, neededSettings.search_path)
  if (isolation !== neededSettings.default_transaction_isolation)
    throw wrongSetting('default_transaction_isolation', isolation, change, neededSettings.default_transaction_isolation)
  if (arrayNulls !== neededSettings.array_nulls)
    throw wrongSetting('array_nulls', arrayNulls, change, neededSettings.array_nulls)
  if (/^(off|local)$/.test(found.synchronousCommit))
    throw wrongSetting('synchronous_commit', found.synchronousCommit, change, 'on')
  if (found.serverTimeoutMs === 0 || found.serverTimeoutMs > statementTimeoutMs)
    throw wrongSetting('statement_timeout', found.statementTimeout, change, `${serverTimeoutMs(statementTimeoutMs)}ms`)
}

const setting = (name: string): SQL<string> => sql<string>`current_setting(${sql.raw(`'${name}'`)})`

/** The beginning of a statement that changes a setting of this role in this database, which prevails over all others. */
const alterRole = sql<string>`format('alter role %I in database %I set', current_user, current_database())`

const relationNames = [
  ...[tokenPairs, spentRefreshTokens, revocations, forgottenRevocations, clients, databaseIdentity].map(getTableName),
  getViewName(tokenPairStates),
]
const ourRelations = sql.raw(`unnest(array[${relationNames.map((name) => `'${name}'`).join(', ')}]) name`)

function wrong(message: string): TokenServiceError {
  return new TokenServiceError('ERR_CONFIGURATION', message)
}

function wrongSetting(
  name: keyof typeof neededSettings | 'synchronous_commit' | 'statement_timeout',
  found: string,
  change: string,
  needed: string,
): TokenServiceError {
  return wrong(
    `On the connections of the pooler in DATABASE_URL the setting ${name} is \`${found}\`, and this service needs \`${needed}\`: run \`${change} ${name} = '${needed}'\`, and let the pooler connect anew.`,
  )
}
