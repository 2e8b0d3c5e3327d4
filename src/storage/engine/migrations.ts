import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import type { Db } from './database.ts'

/** Where the migrations are: from src/storage and from dist/storage alike. */
export const migrationsFolder = fileURLToPath(new URL('../../../drizzle', import.meta.url))

interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[]
}

/** Has `migrate` apply what is missing, and answers the names of that, in order. Nobody else may be at it. */
export async function applyMissing(db: Pick<Db, 'select'>, migrate: () => Promise<void>): Promise<readonly string[]> {
  const before = await readLastApplied(db)
  await migrate()
  const { entries }: Journal = JSON.parse(await readFile(join(migrationsFolder, 'meta/_journal.json'), 'utf8'))
  return entries.filter(({ when }) => when > before).map(({ tag }) => tag)
}

/** Drizzle goes by the time at which a migration was written: what is newer than the last one applied is missing. */
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
