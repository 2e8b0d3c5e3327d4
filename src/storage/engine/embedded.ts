import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/pglite'
import { dropEvents } from '../../events/events.ts'
import { type Observer, observeNothing } from '../../events/observer.ts'
import * as schema from '../schema.ts'
import { type Database, type DatabaseOptions, databaseClock, type IdentityWatch } from './database.ts'
import { guardFolder, ignoreFailure, takeFolder } from './embedded-folder.ts'
import { FolderFiles } from './folder-files.ts'
import { guardOf, openIdentity, watchIdentity } from './identity.ts'
import { migrate } from './migrations.ts'
import { createLocalNotifications } from './notifications.ts'
import { readPgliteFiles } from './pglite-files.ts'
import { repairRestoredRows } from './restored.ts'
import { watchOwnClock } from './shared-clock.ts'

/**
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE; ERR_CONFIGURATION: the folder can't be used, or its database can't be
 * opened; ERR_DATABASE_RESTORED
 */
export async function openEmbedded(folder: string, options: DatabaseOptions = {}): Promise<Database> {
  const { allowRestored, emit = dropEvents, mustExist = false, observer = observeNothing } = options
  const taken = await guardFolder(folder, () => takeFolder(folder, mustExist))
  let engine: PGlite | undefined
  try {
    const files = await readPgliteFiles()
    const opened = await guardFolder(folder, () => PGlite.create({ ...files, fs: new FolderFiles(taken.dataDir) }))
    engine = opened
    const { migrations, identity } = await guardFolder(folder, async () => {
      const prepared = await prepare(opened, { allowRestored, emit })
      await taken.finish()
      return prepared
    })
    const description = `embedded PGlite in ${folder}`
    return {
      ...embeddedDatabase(opened, { description, emit, observer, identity, release: taken.release }),
      migrations,
    }
  } catch (error) {
    // On a full disk the engine cannot be closed either. What failed first is what the operator needs to know.
    await engine?.close().catch(ignoreFailure)
    await taken.release().catch(ignoreFailure)
    throw error
  }
}

async function prepare(engine: PGlite, options: Parameters<typeof openIdentity>[1]) {
  const migrations = await migrateEmbedded(engine)
  const db = drizzle(engine, { schema })
  const identity = await openIdentity(db, options)
  await repairRestoredRows({ db })
  return { migrations, identity }
}

interface EmbeddedOptions extends Pick<Database, 'description' | 'emit'> {
  readonly observer?: Observer
  /** By default it is not examined before the first check. */
  readonly identity?: IdentityWatch
  /** Called once the engine is closed. */
  readonly release: () => Promise<void>
}

/** Wraps an engine that is open and migrated. */
export function embeddedDatabase(engine: PGlite, { description, emit, release, ...given }: EmbeddedOptions): Database {
  const db = drizzle(engine, { schema })
  const { identity = watchIdentity(db, { emit }), observer = observeNothing } = given
  return {
    db,
    description,
    emit,
    identity,
    observer,
    pools: () => [],
    migrations: [],
    notifications: createLocalNotifications(),
    statementName: (name) => name,
    clock: databaseClock,
    time: watchOwnClock(emit),
    // The embedded engine plans each statement each time, by the current size of the tables.
    scanner: db,
    // One statement runs at a time, and none can be cancelled.
    background: { scanner: db, cancel: () => {} },
    ping: () => guardOf({ identity })(async () => void (await db.execute(sql`select 1`))),
    close: async () => {
      await engine.close()
      await release()
    },
  }
}

/** Brings the tables up to date and returns the names of the migrations that it applied. */
export function migrateEmbedded(engine: PGlite): Promise<readonly string[]> {
  return drizzle(engine, { schema }).transaction(migrate)
}
