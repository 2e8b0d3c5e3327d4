import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { dropEvents, type EmitEvent } from '../../events/events.ts'
import { observeNothing } from '../../events/observer.ts'
import * as schema from '../schema.ts'
import { assertSession } from './assert-server.ts'
import {
  type Background,
  type Database,
  type DatabaseOptions,
  databaseClock,
  type PoolState,
  type PostgresLocation,
} from './database.ts'
import { evidence } from './errors.ts'
import { guardOf, openIdentity } from './identity.ts'
import { channel, startListener } from './listener.ts'
import {
  createLocalNotifications,
  createNotifier,
  type Notifications,
  type OnChange,
  writePayload,
} from './notifications.ts'
import { guardOpening } from './opening-errors.ts'
import { migratePostgres } from './postgres-migration.ts'
import { repairRestoredRows } from './restored.ts'
import { assureDurability, connectionOptions, type Purpose } from './session-settings.ts'
import { measureDatabaseClock } from './shared-clock.ts'

export async function openPostgres(
  location: PostgresLocation,
  { allowRestored, emit = dropEvents, observer = observeNothing, statementTimeoutMs = 15_000 }: DatabaseOptions,
): Promise<Database> {
  const { url, directUrl } = location
  const migrations = await guardOpening(location, () => migratePostgres(directUrl))
  const isPooled = url !== directUrl
  const connectDirectly = (purpose: Purpose, config: pg.PoolConfig) =>
    openPool({ ...withOptions(directUrl, purpose, statementTimeoutMs), onConnect: makeDurable, ...config }, emit)
  // A pooler accepts no settings; behind it Postgres plans each statement each time, by the current size of the tables.
  const connect = (purpose: Purpose, config: pg.PoolConfig) =>
    isPooled ? openPool({ connectionString: url, ...config }, emit) : connectDirectly(purpose, config)
  const pool = connect('lookups', { max: 10, query_timeout: statementTimeoutMs })
  const db = drizzle(pool, { schema })
  const scanPool = connect('scans', { max: 4, query_timeout: statementTimeoutMs })
  // Past the pooler: its role ends statements after seconds, and these may take minutes.
  const background = openBackground((config) => connectDirectly('background', config))
  const { identity, time } = await guardOpening(location, async () => {
    await assertSession(db, statementTimeoutMs)
    const opened = await openIdentity(db, { allowRestored, emit })
    await repairRestoredRows({ db })
    return { identity: opened, time: await measureDatabaseClock(db, { emit, clock: databaseClock }) }
  }).catch(async (error) => {
    await Promise.all([pool.end(), scanPool.end(), background.close()])
    throw error
  })
  const notifications = openNotifications(pool, directUrl, emit)
  return {
    db,
    emit,
    observer,
    pools: () => [stateOf('lookups', pool), stateOf('scans', scanPool)],
    notifications,
    migrations,
    identity,
    description: `PostgreSQL at ${describeUrl(url)}`,
    statementName: (name) => (isPooled ? '' : name),
    clock: databaseClock,
    time,
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
 * outcome is unknown. A server that answers ends the statement itself before that (`statement_timeout`).
 */
function openPool(config: pg.PoolConfig, emit: EmitEvent): pg.Pool {
  const pool = new pg.Pool({
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

function stateOf(name: string, { totalCount, idleCount, waitingCount }: pg.Pool): PoolState {
  return { name, used: totalCount - idleCount, idle: idleCount, waiting: waitingCount }
}

/** For each new connection, so that it holds too for a setting that was changed while this process runs. */
async function makeDurable(client: pg.ClientBase): Promise<void> {
  await client.query(assureDurability)
}

const backgroundTimeoutMs = 600_000

/** One connection for scans that no request waits for. */
function openBackground(connect: (config: pg.PoolConfig) => pg.Pool): Background & { close(): Promise<void> } {
  const sockets = new Set<Socket>()
  const stream = () => {
    const socket = new Socket()
    sockets.add(socket)
    return socket.once('close', () => sockets.delete(socket))
  }
  const pool = connect({ max: 1, query_timeout: backgroundTimeoutMs, stream })
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
  const sender = randomUUID()
  // Without parameters it is one message and no cached plan: half the work of a notification. A payload is a UUID and
  // base64url, so it needs no escape.
  const send = (appended: Parameters<typeof writePayload>[1]) =>
    pool.query(
      `select set_config('synchronous_commit', 'off', true), pg_notify('${channel}', '${writePayload(sender, appended)}')`,
    )
  const { notify: sendNotify, finish } = createNotifier(send, emit)
  const listeners = new Set<() => Promise<void>>()
  const listen = (onChange: OnChange) => {
    const stopLocal = local.listen(onChange)
    const stopListener = startListener({ directUrl, sender, onChange, emit })
    const poll = setInterval(() => onChange(), pollEveryMs).unref()
    const stop = async () => {
      stopLocal()
      clearInterval(poll)
      await stopListener()
      listeners.delete(stop)
    }
    listeners.add(stop)
    return () => void stop()
  }
  const notify: Notifications['notify'] = (appended) => {
    local.notify(appended)
    sendNotify(appended)
  }
  const close = async () => {
    // A pool that ends drops the statements it has not begun: a process that invalidates and exits would notify no
    // follower.
    await finish()
    await Promise.all([...listeners].map((stop) => stop()))
  }
  return { notify, listen, close }
}

/**
 * Our options come after those of the url, and so prevail. The url then has none: for the driver, those of the url would
 * replace ours.
 */
function withOptions(url: string, purpose: Purpose, statementTimeoutMs: number): pg.PoolConfig {
  const direct = new URL(url)
  const given = direct.searchParams.get('options') ?? ''
  direct.searchParams.delete('options')
  return { connectionString: direct.href, options: `${given} ${connectionOptions(purpose, statementTimeoutMs)}`.trim() }
}

function describeUrl(url: string): string {
  const { hostname, port, pathname } = new URL(url)
  return `${hostname}:${port || '5432'}${pathname}`
}
