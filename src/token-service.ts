import type { Config } from './config.ts'
import { createClientStore } from './storage/client-store.ts'
import type { Database, DatabaseOptions } from './storage/engine/database.ts'
import { openDatabase } from './storage/engine/open.ts'
import { createRestoreStore } from './storage/restore-store.ts'
import { createRevocationLog } from './storage/revocation-log.ts'
import { createTokenStore } from './storage/token-store.ts'
import type { Caller } from './tokens/caller.ts'
import type { ClientStore } from './tokens/client-store.ts'
import { completeRestore, type RestoreAnswer, type RestoreOptions } from './tokens/restore.ts'
import { createTokens, type Tokens } from './tokens/tokens.ts'

/** The operations on tokens with an open database: the part that the service and the commands share. */
export interface TokenService {
  readonly database: Database
  readonly clients: ClientStore
  readonly tokens: Tokens
  /** Completes the restore or the copy of a database. The caller must be an operator. */
  completeRestore(options: RestoreOptions, caller: Caller): Promise<RestoreAnswer>
}

export interface TokenServiceOptions extends DatabaseOptions {
  /** Decides what has expired. By default the clock that all processes on the database share. */
  readonly clock?: () => Date
}

/**
 * Opens the database, brings its tables up to date and creates the operations on it. The caller must close the
 * database.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE, ERR_DATABASE_RESTORED, ERR_STORAGE_UNAVAILABLE,
 * ERR_CONFIGURATION
 */
export async function openTokenService(
  config: Config,
  { clock: given, ...options }: TokenServiceOptions,
): Promise<TokenService> {
  const database = await openDatabase(config.database, options)
  const clock = given ?? database.time.now
  try {
    const clients = createClientStore(database)
    const store = createTokenStore(database)
    const log = createRevocationLog(database)
    const { lifetimes } = config
    const tokens = createTokens({
      store,
      log,
      clients,
      lifetimes,
      clock,
      emit: database.emit,
      observer: database.observer,
    })
    const restores = createRestoreStore(database)
    const complete: TokenService['completeRestore'] = (given, caller) =>
      completeRestore({ restores, clock }, given, caller)
    return { database, clients, tokens, completeRestore: complete }
  } catch (error) {
    await database.close()
    throw error
  }
}
