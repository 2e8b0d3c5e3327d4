import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import * as schema from '../schema.ts'
import type { Database, DatabaseOptions, PostgresLocation } from './database.ts'
import { guardConnecting, guardOpening } from './errors.ts'
import { channel, startListener } from './listener.ts'
import { applyMissing, migrationsFolder } from './migrations.ts'
import { createLocalNotifications, createNotifier, type Notifications } from './notifications.ts'
import { keyLookupSettings } from './planner-settings.ts'
import { settleRestoredRows } from './restored.ts'

const migrationLock = 7_236_541_002

export async function openPostgres(location: PostgresLocation, options: DatabaseOptions): Promise<Database> {
  const { url, directUrl } = location
  const migrations = await guardOpening(() => migratePostgres(directUrl))
  const isPooled = url !== directUrl
  // A pooler takes no settings; behind it each statement is planned anew, by the size that a table has then.
  const pool = openPool(url, isPooled ? { max: 10 } : { max: 10, options: keyLookupSettings }, options)
  const db = drizzle(pool, { schema })
  const walkers = openPool(url, { max: 4 }, options)
  await guardOpening(() => settleRestoredRows({ db })).catch(async (error) => {
    await Promise.all([pool.end(), walkers.end()])
    throw error
  })
  const notifications = openNotifications(pool, directUrl, options)
  return {
    db,
    notifications,
    migrations,
    description: `PostgreSQL at ${describeUrl(url)}`,
    statementName: (name) => (isPooled ? '' : name),
    walker: drizzle(walkers, { schema }),
    ping: async () => void (await db.execute(sql`select 1`)),
    close: async () => {
      await notifications.close()
      await Promise.all([pool.end(), walkers.end()])
    },
  }
}

/** Statements go by the pool and never by a transaction of several: a connection that hangs or is lost takes nothing along. */
function openPool(url: string, config: pg.PoolConfig, { onIdleError }: DatabaseOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'invalidate-token',
    connectionTimeoutMillis: 5_000,
    // A server that stops answering must not hold a request for ever; its outcome is then unknown, and said so.
    query_timeout: 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 1_000,
    ...config,
  })
  // Without a listener a restart of Postgres ends this process.
  pool.on('error', (error) => onIdleError?.(error))
  return pool
}

/** Followers look at the log this often, whatever they were told or not. */
const pollEveryMs = 5_000

/**
 * Notifications to this process at once, and to the others by NOTIFY: on the pool, after the commit, because a NOTIFY
 * within a transaction makes commits wait for each other. It need not outlive a crash, so it does not wait for the disk.
 * The connection that listens is there while somebody follows.
 */
function openNotifications(
  pool: pg.Pool,
  directUrl: string,
  { onIdleError }: DatabaseOptions,
): Notifications & { close(): Promise<void> } {
  const local = createLocalNotifications()
  const ownPayload = randomUUID()
  // Without a parameter it is one message and no plan: half the work of telling.
  const hint = `select set_config('synchronous_commit', 'off', true), pg_notify('${channel}', '${ownPayload}')`
  const { notify: sendNotify, finish } = createNotifier(() => pool.query(hint))
  const listeners = new Set<() => Promise<void>>()
  const listen = (onChange: () => void) => {
    const stopLocal = local.listen(onChange)
    const stopListener = startListener({ directUrl, ownPayload, onChange, onLost: (error) => onIdleError?.(error) })
    const poll = setInterval(onChange, pollEveryMs).unref()
    const stop = async () => {
      stopLocal()
      clearInterval(poll)
      await stopListener()
      listeners.delete(stop)
    }
    listeners.add(stop)
    return () => void stop()
  }
  const notify = () => {
    local.notify()
    sendNotify()
  }
  const close = async () => {
    // A pool that ends forgets what it has not begun: a process that invalidates and goes would have told nobody.
    await finish()
    await Promise.all([...listeners].map((stop) => stop()))
  }
  return { notify, listen, close }
}

function describeUrl(url: string): string {
  const { hostname, port, pathname } = new URL(url)
  return `${hostname}:${port || '5432'}${pathname}`
}

/**
 * Brings the tables up to date and answers the names of what it applied; any number of processes may do so at once.
 *
 * Drizzle's migrator takes no lock (of twenty processes that started together, nineteen failed), so one advisory lock
 * is held around it, on a connection of its own: a session's lock ends with its connection, whatever happens.
 */
export async function migratePostgres(url: string): Promise<readonly string[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'invalidate-token migrations',
    connectionTimeoutMillis: 5_000,
  })
  client.on('error', () => {
    // The query that is under way rejects as well; without a listener the process would end.
  })
  await guardConnecting(() => client.connect())
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock])
    const db = drizzle(client, { schema })
    return await applyMissing(db, () => migrate(db, { migrationsFolder }))
  } finally {
    await client.end()
  }
}
