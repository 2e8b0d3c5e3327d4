import { fileURLToPath } from 'node:url'
import type { PGlite } from '@electric-sql/pglite'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { migrate as migratePg } from 'drizzle-orm/node-postgres/migrator'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { migrate as migratePglite } from 'drizzle-orm/pglite/migrator'
import pg from 'pg'

/** From src/storage and from dist/storage alike. */
const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url))
const migrationLock = 7_236_541_002

export async function migrateEmbedded(engine: PGlite): Promise<void> {
  await migratePglite(drizzlePglite(engine), { migrationsFolder })
}

/**
 * Brings the tables up to date; any number of processes may do so at once.
 *
 * Drizzle's migrator takes no lock (of twenty processes that started together, nineteen failed), so one advisory lock
 * is held around it, on a connection of its own: a session's lock ends with its connection, whatever happens.
 */
export async function migratePostgres(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'invalidate-token migrations',
    connectionTimeoutMillis: 5_000,
  })
  client.on('error', () => {
    // The query that is under way rejects as well; without a listener the process would end.
  })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock])
    await migratePg(drizzlePg(client), { migrationsFolder })
  } finally {
    await client.end()
  }
}
