import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import type { Db } from './database.ts'

/** The folder of the migrations. The relative path is the same from src/storage and from dist/storage. */
export const migrationsFolder = fileURLToPath(new URL('../../../drizzle', import.meta.url))

interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[]
}

/**
 * Runs `migrate` and returns the names of the migrations that it applied, in order. No other process may migrate
 * meanwhile.
 */
export async function applyMissing(db: Pick<Db, 'select'>, migrate: () => Promise<void>): Promise<readonly string[]> {
  const before = await readLastApplied(db)
  await migrate()
  const { entries }: Journal = JSON.parse(await readFile(join(migrationsFolder, 'meta/_journal.json'), 'utf8'))
  return entries.filter(({ when }) => when > before).map(({ tag }) => tag)
}

/** Drizzle compares the times at which migrations were written: it applies those newer than the last one applied. */
async function readLastApplied(db: Pick<Db, 'select'>): Promise<number> {
  const [table] = await db
    .select({ name: sql<string | null>`to_regclass('drizzle.__drizzle_migrations')::text` })
    .from(sql`(select) as one`)
  if (!table?.name) return 0
  const [last] = await db
    .select({ when: sql`coalesce(max(created_at), 0)`.mapWith(Number) })
    .from(sql`drizzle.__drizzle_migrations`)
  return last?.when ?? 0
}
