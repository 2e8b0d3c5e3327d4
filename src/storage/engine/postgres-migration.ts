import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import * as schema from '../schema.ts'
import { assertDatabase } from './assert-server.ts'
import { migrate } from './migrations.ts'
import { guardConnecting } from './opening-errors.ts'
import { neededSettings, timeoutSettings } from './session-settings.ts'

const migrationLock = 7_236_541_002

/**
 * Brings the tables up to date and returns the names of the migrations that it applied. Any number of processes may do
 * so at the same time: without the lock, of twenty that started together, nineteen failed.
 *
 * All is done in one transaction, which also ends the lock and the settings. If `url` leads to a pooler by mistake, nothing
 * of it is left on a connection that others get.
 */
export async function migratePostgres(url: string): Promise<readonly string[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'invalidate-token migrations',
    connectionTimeoutMillis: 5_000,
  })
  client.on('error', () => {
    // The running query rejects as well; without a listener for `error` the process would end.
  })
  await guardConnecting(() => client.connect())
  try {
    return await drizzle(client, { schema }).transaction(
      async (db) => {
        await db.execute(setAll)
        await assertDatabase(db)
        await db.execute(sql`select pg_advisory_xact_lock(${migrationLock})`)
        return migrate(db)
      },
      // Each statement sees what was committed while this one waited for the lock.
      { isolationLevel: 'read committed' },
    )
  } finally {
    await client.end()
  }
}

/** A migration may take longer than the server, the database or the role allows requests to take. */
const settings: Readonly<Record<string, string>> = {
  ...neededSettings,
  ...Object.fromEntries(timeoutSettings.map((name) => [name, '0'])),
}

/** For this transaction. Leaves out the settings that this server does not know yet. */
const setAll = sql`select set_config(name, value, true)
  from unnest(${sql.param(Object.keys(settings))}::text[], ${sql.param(Object.values(settings))}::text[]) asked (name, value)
  where name in (select name from pg_settings)`
