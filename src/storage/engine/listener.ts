import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { EmitEvent } from '../../events/events.ts'
import { evidence } from './errors.ts'
import { type OnChange, readPayload } from './notifications.ts'

export const channel = 'revocations'

export interface ListenerOptions {
  /** Bypasses any pooler: LISTEN is a state of the session. */
  readonly directUrl: string
  /** How the payloads of this process begin, which are ignored: local listeners are notified directly. */
  readonly sender: string
  /**
   * Called at each notification of another process, after each connection and at each heartbeat. Whatever was notified
   * while there was no connection is in the log.
   */
  readonly onChange: OnChange
  /** Gets one event each time that the connection is lost, and one when it is back. */
  readonly emit: EmitEvent
  readonly heartbeatMs?: number
}

/** How often the connection is checked, and how long it may take to answer. */
const heartbeatMs = 2_000
const longestPauseMs = 5_000

/**
 * Listens on a connection of its own. When the connection is lost it connects again, after a pause that grows with each
 * failure. The returned function stops it in any state.
 *
 * A connection can die without any error (a firewall drops it, a cable is pulled). With TCP's own keep-alive it took
 * 11 s to notice this, without it minutes. So every two seconds a query is sent on this same connection, and must be
 * answered within two seconds. The query also checks that the session still listens.
 */
export function startListener(options: ListenerOptions): () => Promise<void> {
  const stopping = new AbortController()
  const running = run(options, stopping.signal)
  return async () => {
    stopping.abort()
    await running
  }
}

async function run(options: ListenerOptions, signal: AbortSignal): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    try {
      await listenOnce(options, signal, () => {
        if (failures > 0) options.emit({ name: 'listen_connection_restored', facts: { failures } })
        failures = 0
      })
    } catch (error) {
      if (signal.aborted) return
      if (failures === 0) options.emit({ name: 'listen_connection_lost', error: evidence(error) })
      failures++
    }
    const pauseMs = Math.min(longestPauseMs, 100 * 2 ** failures) * (0.5 + Math.random() / 2)
    await pause(pauseMs, signal)
  }
}

/** Connects and listens on one connection. Rejects when the connection is lost. */
async function listenOnce(options: ListenerOptions, signal: AbortSignal, onListening: () => void): Promise<void> {
  const { directUrl, sender, onChange, heartbeatMs: everyMs = heartbeatMs } = options
  const socket = new Socket()
  const end = () => socket.destroy()
  signal.addEventListener('abort', end)
  const client = new pg.Client({
    connectionString: directUrl,
    application_name: 'invalidate-token listener',
    stream: () => socket,
    connectionTimeoutMillis: 5_000,
    query_timeout: everyMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 1_000,
  })
  const lost = new Promise<never>((_, reject) => {
    client.on('error', reject)
    client.on('end', () => reject(new Error('The connection was closed')))
  })
  lost.catch(ignoreRejection)
  client.on('notification', ({ payload = '' }) => {
    if (!payload.startsWith(sender)) onChange(readPayload(payload))
  })
  try {
    await Promise.race([client.connect(), lost])
    // A server must not end the session because it waits.
    await Promise.race([client.query(`set idle_session_timeout = 0; listen ${channel}`), lost])
    onListening()
    for (;;) {
      onChange()
      await Promise.race([pause(everyMs, signal), lost])
      await Promise.race([assertListening(client), lost])
    }
  } finally {
    signal.removeEventListener('abort', end)
    // Not `client.end()`: it waits for the server to close the connection, and the server may be unreachable.
    socket.destroy()
  }
}

async function assertListening(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query('select from pg_listening_channels() channel where channel = $1', [channel])
  if (rowCount !== 1) throw new Error('The session no longer listens')
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => {
    // Aborted by the returned function: the loop ends.
  })
}

function ignoreRejection(): void {
  // Each step races with this promise and handles its rejection; this handler only prevents an unhandled rejection.
}
