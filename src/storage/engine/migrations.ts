import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { TokenServiceError } from '../../tokens/errors.ts'
import type { Db } from './database.ts'
import { migrationFiles } from './migration-files.ts'

/**
 * Applies the migrations that are missing and returns their names in order. `db` must be a transaction, in which no other
 * process may migrate meanwhile.
 *
 * The record of them is the one that drizzle's own migrator keeps. That migrator is not used: it reads the folder
 * `drizzle/`, which a bundle does not have, and it takes a migration for applied if another application that uses drizzle
 * has recorded a later one in this database.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: the record is another application's
 */
export async function migrate(db: Pick<Db, 'select' | 'execute'>): Promise<readonly string[]> {
  const applied = await readApplied(db)
  const missing = migrationFiles.filter(({ when }) => !applied.has(when))
  if (applied.size > 0 && missing.length === migrationFiles.length) throw recordOfOthers()
  // A role that may not create anything can then serve a database whose tables are up to date.
  if (missing.length === 0) return []
  await db.execute(sql`create schema if not exists drizzle`)
  await db.execute(
    sql`create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`,
  )
  for (const file of missing) {
    for (const statement of file.text.split(breakpoint)) await db.execute(sql.raw(statement))
    const hash = createHash('sha256').update(file.text).digest('hex')
    await db.execute(
      sql`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${file.when}::bigint)`,
    )
  }
  return missing.map(({ name }) => name)
}

/** drizzle-kit writes it between two statements. */
const breakpoint = '--> statement-breakpoint'

/** A migration is recorded by the time at which it was written. */
async function readApplied(db: Pick<Db, 'select'>): Promise<ReadonlySet<number>> {
  const [table] = await db
    .select({ name: sql<string | null>`to_regclass('drizzle.__drizzle_migrations')::text` })
    .from(sql`(select) as one`)
  if (!table?.name) return new Set()
  const rows = await db.select({ when: sql`created_at`.mapWith(Number) }).from(sql`drizzle.__drizzle_migrations`)
  return new Set(rows.map(({ when }) => when))
}

function recordOfOthers(): TokenServiceError {
  return new TokenServiceError(
    'ERR_CONFIGURATION',
    'The migrations recorded in drizzle.__drizzle_migrations are those of another application: the tables of this service need a PostgreSQL database of their own, so create one and set DATABASE_URL to it.',
  )
}
