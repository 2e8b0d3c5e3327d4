import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import { dropEvents } from '../../events/events.ts'
import { TokenServiceError } from '../../tokens/errors.ts'
import * as schema from '../schema.ts'
import type { Database, DatabaseOptions, IdentityWatch } from './database.ts'
import { codeOf, evidence } from './errors.ts'
import { lockFolder } from './folder-lock.ts'
import { guardOf, openIdentity, watchIdentity } from './identity.ts'
import { applyMissing, migrationsFolder } from './migrations.ts'
import { createLocalNotifications } from './notifications.ts'
import { repairRestoredRows } from './restored.ts'

/**
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE; ERR_CONFIGURATION: the folder can't be used, or its database can't be
 * opened; ERR_DATABASE_RESTORED
 */
export async function openEmbedded(folder: string, options: DatabaseOptions = {}): Promise<Database> {
  const { allowRestored, emit = dropEvents, mustExist = false } = options
  const lock = await guardFolder(folder, () => takeFolder(folder, mustExist))
  let engine: PGlite | undefined
  try {
    engine = await guardFolder(folder, () => PGlite.create(join(folder, 'pglite')))
    const migrations = await migrateEmbedded(engine)
    const db = drizzle(engine, { schema })
    const identity = await openIdentity(db, { allowRestored, emit })
    await repairRestoredRows({ db })
    const description = `embedded PGlite in ${folder}`
    return { ...embeddedDatabase(engine, { description, emit, identity, release: lock.release }), migrations }
  } catch (error) {
    await engine?.close()
    await lock.release()
    throw error
  }
}

async function takeFolder(folder: string, mustExist: boolean): Promise<{ release(): Promise<void> }> {
  if (mustExist) await assertDatabase(folder)
  // PGlite makes its files readable for every account, so this folder around them is closed to all but ours.
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return lockFolder(folder)
}

/** PGlite itself checks for the file PG_VERSION: where it is missing, PGlite creates a database. */
async function assertDatabase(folder: string): Promise<void> {
  try {
    await access(join(folder, 'pglite', 'PG_VERSION'))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new TokenServiceError(
      'ERR_CONFIGURATION',
      `There is no database in the folder ${folder}: set DATABASE_URL or DATA_DIR, or make one with \`migrate\`.`,
    )
  }
}

/** Explains a failure before the first statement. The file system's errors have a code, those of PGlite have none. */
async function guardFolder<Answer>(folder: string, run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof TokenServiceError) throw error
    const message = /^E[A-Z]+$/.test(codeOf(error) ?? '')
      ? `The folder ${folder} can't be used: choose another DATA_DIR, or let this account write there.`
      : `The database in the folder ${folder} can't be opened, it is damaged or not ours: put a copy of it back, or choose another DATA_DIR.`
    throw new TokenServiceError('ERR_CONFIGURATION', message, evidence(error))
  }
}

interface EmbeddedOptions extends Pick<Database, 'description' | 'emit'> {
  /** By default it is not examined before the first check. */
  readonly identity?: IdentityWatch
  /** Called once the engine is closed. */
  readonly release: () => Promise<void>
}

/** Wraps an engine that is open and migrated. */
export function embeddedDatabase(engine: PGlite, { description, emit, release, ...given }: EmbeddedOptions): Database {
  const db = drizzle(engine, { schema })
  const { identity = watchIdentity(db, { emit }) } = given
  return {
    db,
    description,
    emit,
    identity,
    migrations: [],
    notifications: createLocalNotifications(),
    statementName: (name) => name,
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
export async function migrateEmbedded(engine: PGlite): Promise<readonly string[]> {
  const db = drizzle(engine, { schema })
  return applyMissing(db, () => migrate(db, { migrationsFolder }))
}
