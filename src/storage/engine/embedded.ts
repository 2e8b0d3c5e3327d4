import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/pglite'
import { dropEvents } from '../../events/events.ts'
import { TokenServiceError } from '../../tokens/errors.ts'
import * as schema from '../schema.ts'
import type { Database, DatabaseOptions, IdentityWatch } from './database.ts'
import { codeOf, evidence, isUnavailable, unwrap } from './errors.ts'
import { type FileFault, fileFaultOf, probeFolder } from './file-faults.ts'
import { lockFolder } from './folder-lock.ts'
import { guardOf, openIdentity, watchIdentity } from './identity.ts'
import { migrate } from './migrations.ts'
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
    const opened = await guardFolder(folder, () => PGlite.create(join(folder, 'pglite')))
    engine = opened
    const { migrations, identity } = await guardFolder(folder, () => prepare(opened, { allowRestored, emit }))
    const description = `embedded PGlite in ${folder}`
    return { ...embeddedDatabase(opened, { description, emit, identity, release: lock.release }), migrations }
  } catch (error) {
    // On a full disk the engine cannot be closed either. What failed first is what the operator needs to know.
    await engine?.close().catch(ignoreFailure)
    await lock.release().catch(ignoreFailure)
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

/** Explains a failure before the database is ready. */
async function guardFolder<Answer>(folder: string, run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof TokenServiceError) throw error
    const driver = unwrap(error)
    const fault = fileFaultOf(driver) ?? (await probeFolder(folder))
    const cause =
      fault === undefined || isUnavailable(driver) ? evidence(driver) : new Error(`${fault.errno}: ${fault.words}`)
    throw fault === undefined ? damaged(folder, cause) : unusable(folder, fault, cause)
  }
}

/** What passes when there is space again. */
const fullErrnos = ['ENOSPC', 'EDQUOT']
/** A limit of this process, or of the machine. */
const limitErrnos = ['EMFILE', 'ENFILE', 'ENOMEM']

function unusable(folder: string, { errno }: FileFault, cause: Error): TokenServiceError {
  if (fullErrnos.includes(errno))
    return new TokenServiceError(
      'ERR_STORAGE_UNAVAILABLE',
      `There is no space left on the disk of the folder ${folder}: make room there, or choose another DATA_DIR.`,
      cause,
    )
  const advice = limitErrnos.includes(errno)
    ? 'raise the limits of this process'
    : 'choose another DATA_DIR, or let this account write there'
  return new TokenServiceError('ERR_CONFIGURATION', `The folder ${folder} can't be used: ${advice}.`, cause)
}

function damaged(folder: string, cause: Error): TokenServiceError {
  return new TokenServiceError(
    'ERR_CONFIGURATION',
    `The database in the folder ${folder} can't be opened, it is damaged or not ours: put a copy of it back, or choose another DATA_DIR.`,
    cause,
  )
}

function ignoreFailure(): void {
  // The failure before this one is reported.
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
export function migrateEmbedded(engine: PGlite): Promise<readonly string[]> {
  return drizzle(engine, { schema }).transaction(migrate)
}
