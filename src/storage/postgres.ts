import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import type { Database, DatabaseOptions, PostgresLocation } from './database.ts'
import { guardStorage } from './errors.ts'
import { migrationsFolder } from './migrations.ts'
import * as schema from './schema.ts'

const migrationLock = 7_236_541_002

export async function openPostgres(location: PostgresLocation, options: DatabaseOptions): Promise<Database> {
  const { url, directUrl } = location
  await guardStorage(() => migratePostgres(directUrl))
  const isPooled = url !== directUrl
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'invalidate-token',
    max: 10,
    // Our statements read by key, whatever is asked for. Planned anew each time, they take three times as long alone.
    ...(isPooled ? {} : { options: '-c plan_cache_mode=force_generic_plan' }),
    connectionTimeoutMillis: 5_000,
    // A server that stops answering must not hold a request for ever; its outcome is then unknown, and said so.
    query_timeout: 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 1_000,
  })
  // Without a listener a restart of Postgres ends this process.
  pool.on('error', (error) => options.onIdleError?.(error))
  const db = drizzle(pool, { schema })
  return {
    db,
    description: `PostgreSQL at ${describeUrl(url)}`,
    statementName: (name) => (isPooled ? '' : name),
    ping: async () => void (await db.execute(sql`select 1`)),
    close: () => pool.end(),
  }
}

function describeUrl(url: string): string {
  const { hostname, port, pathname } = new URL(url)
  return `${hostname}:${port || '5432'}${pathname}`
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
    await migrate(drizzle(client), { migrationsFolder })
  } finally {
    await client.end()
  }
}
