import { mkdir } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import { createLocalAnnouncements } from './announcements.ts'
import type { Database } from './database.ts'
import { lockFolder } from './folder-lock.ts'
import { applyMissing, migrationsFolder } from './migrations.ts'
import { settleRestoredRows } from './restored.ts'
import * as schema from './schema.ts'

/** @throws TokenServiceError ERR_DATA_DIR_IN_USE */
export async function openEmbedded(folder: string): Promise<Database> {
  // PGlite writes its files readable for everybody; the folder around them is not.
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(folder)
  try {
    const engine = await PGlite.create(`${folder}/pglite`)
    const migrations = await migrateEmbedded(engine)
    await settleRestoredRows({ db: drizzle(engine, { schema }) })
    return { ...embeddedDatabase(engine, `embedded PGlite in ${folder}`, lock.release), migrations }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Wraps an engine that is open and migrated. */
export function embeddedDatabase(
  engine: PGlite,
  description: string,
  release: () => Promise<void> = async () => {},
): Database {
  const db = drizzle(engine, { schema })
  return {
    db,
    description,
    migrations: [],
    announcements: createLocalAnnouncements(),
    statementName: (name) => name,
    ping: async () => void (await db.execute(sql`select 1`)),
    close: async () => {
      await engine.close()
      await release()
    },
  }
}

/** Answers the names of what it applied. */
export async function migrateEmbedded(engine: PGlite): Promise<readonly string[]> {
  const db = drizzle(engine, { schema })
  return applyMissing(db, () => migrate(db, { migrationsFolder }))
}
