import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import { dropEvents, type EmitEvent } from '../../events/events.ts'
import * as schema from '../schema.ts'
import type { Background, Database, DatabaseOptions, PostgresLocation } from './database.ts'
import { evidence, guardConnecting, guardOpening } from './errors.ts'
import { guardOf, openIdentity } from './identity.ts'
import { channel, startListener } from './listener.ts'
import { applyMissing, migrationsFolder } from './migrations.ts'
import { createLocalNotifications, createNotifier, type Notifications } from './notifications.ts'
import { keyLookupSettings } from './planner-settings.ts'
import { repairRestoredRows } from './restored.ts'

const migrationLock = 7_236_541_002

export async function openPostgres(
  location: PostgresLocation,
  { allowRestored, emit = dropEvents, statementTimeoutMs = 15_000 }: DatabaseOptions,
): Promise<Database> {
  const { url, directUrl } = location
  const migrations = await guardOpening(() => migratePostgres(directUrl))
  const isPooled = url !== directUrl
  // A pooler accepts no settings; behind it Postgres plans each statement each time, by the current size of the tables.
  const limits = { max: 10, query_timeout: statementTimeoutMs }
  const pool = openPool(url, isPooled ? limits : { ...limits, options: keyLookupSettings }, emit)
  const db = drizzle(pool, { schema })
  const scanPool = openPool(url, { max: 4, query_timeout: statementTimeoutMs }, emit)
  const background = openBackground(url, isPooled, emit)
  const identity = await guardOpening(async () => {
    const opened = await openIdentity(db, { allowRestored, emit })
    await repairRestoredRows({ db })
    return opened
  }).catch(async (error) => {
    await Promise.all([pool.end(), scanPool.end(), background.close()])
    throw error
  })
  const notifications = openNotifications(pool, directUrl, emit)
  return {
    db,
    emit,
    notifications,
    migrations,
    identity,
    description: `PostgreSQL at ${describeUrl(url)}`,
    statementName: (name) => (isPooled ? '' : name),
    scanner: drizzle(scanPool, { schema }),
    background,
    ping: () => guardOf({ identity })(async () => void (await db.execute(sql`select 1`))),
    close: async () => {
      await notifications.close()
      await Promise.all([pool.end(), scanPool.end(), background.close()])
    },
  }
}

/**
 * Each statement is a transaction of its own, on any connection of the pool. So a connection that hangs or is lost
 * affects the statement that runs on it and no other.
 *
 * `query_timeout`: a server that stops answering must not block a request for ever. The caller gets an error: the
 * outcome is unknown.
 */
function openPool(url: string, config: pg.PoolConfig, emit: EmitEvent): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'invalidate-token',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 1_000,
    ...config,
  })
  // Without a listener for `error`, a restart of Postgres would end this process.
  pool.on('error', (error) => emit({ name: 'database_connection_lost', error: evidence(error) }))
  return pool
}

const backgroundTimeoutMs = 600_000

/**
 * One connection for scans that no request waits for. The server checks each second whether it is still there, so that
 * a scan that was cancelled does not go on.
 */
function openBackground(url: string, isPooled: boolean, emit: EmitEvent): Background & { close(): Promise<void> } {
  const options = isPooled ? {} : { options: '-c client_connection_check_interval=1000' }
  const sockets = new Set<Socket>()
  const stream = () => {
    const socket = new Socket()
    sockets.add(socket)
    return socket.once('close', () => sockets.delete(socket))
  }
  const pool = openPool(url, { max: 1, query_timeout: backgroundTimeoutMs, stream, ...options }, emit)
  const cancel = () => {
    for (const socket of sockets) socket.destroy()
  }
  const close = () => {
    cancel()
    return pool.end()
  }
  return { scanner: drizzle(pool, { schema }), cancel, close }
}

/** Followers read the log this often, even without a notification. */
const pollEveryMs = 5_000

/**
 * Notifies followers in this process directly, and other processes by NOTIFY. The NOTIFY is sent on the pool after the
 * commit, because a NOTIFY within a transaction makes commits wait for each other. It need not survive a crash, so it
 * does not wait for the disk. Each follower has a connection that listens, open as long as it follows.
 */
function openNotifications(
  pool: pg.Pool,
  directUrl: string,
  emit: EmitEvent,
): Notifications & { close(): Promise<void> } {
  const local = createLocalNotifications()
  const ownPayload = randomUUID()
  // Without parameters it is one message and no cached plan: half the work of a notification.
  const hint = `select set_config('synchronous_commit', 'off', true), pg_notify('${channel}', '${ownPayload}')`
  const { notify: sendNotify, finish } = createNotifier(() => pool.query(hint), emit)
  const listeners = new Set<() => Promise<void>>()
  const listen = (onChange: () => void) => {
    const stopLocal = local.listen(onChange)
    const stopListener = startListener({ directUrl, ownPayload, onChange, emit })
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
    // A pool that ends drops the statements it has not begun: a process that invalidates and exits would notify no
    // follower.
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
 * Brings the tables up to date and returns the names of the migrations that it applied. Any number of processes may do
 * so at the same time.
 *
 * Drizzle's migrator takes no lock (of twenty processes that started together, nineteen failed), so an advisory lock is
 * held around it. The lock is held on a connection of its own: a session's lock always ends with its connection.
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
    await client.query('select pg_advisory_lock($1)', [migrationLock])
    const db = drizzle(client, { schema })
    return await applyMissing(db, () => migrate(db, { migrationsFolder }))
  } finally {
    await client.end()
  }
}
