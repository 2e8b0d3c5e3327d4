import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * A TCP proxy on 127.0.0.1 that can go silent, as with a cut cable (it drops all bytes and closes nothing), or lose an
 * answer.
 */
export interface TcpProxy {
  /** The target's url with the proxy's host and port. */
  readonly url: string
  /** From now on open connections, and new ones until `heal`, carry no bytes and are not closed. */
  cut(): void
  /** Closes the connection of the next answer, which does not arrive. */
  dropAnswer(): void
  /** Resets all connections. */
  reset(): void
  /** What the target sends arrives later by so much, from now on. */
  delay(ms: number): void
  /** Carries new connections to another target from now on, and resets those to the old one. */
  retarget(target: string): void
  /** Carries new connections again. */
  heal(): void
  close(): void
}

/** `change` sees what clients send, before the target does. */
export async function startProxy(
  target: string,
  change: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Promise<TcpProxy> {
  let { hostname, port } = new URL(target)
  const pairs = new Set<{ readonly sockets: readonly Socket[]; isDead: boolean }>()
  let isCut = false
  let dropsAnswer = false
  let delayMs = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    const pair = { sockets: [client, upstream], isDead: isCut }
    pairs.add(pair)
    let heldUntil = 0
    /** In order, also when the delay has become shorter. */
    const later = (run: () => void) => {
      const now = performance.now()
      heldUntil = Math.max(heldUntil, now + delayMs)
      if (heldUntil <= now) run()
      else setTimeout(run, heldUntil - now)
    }
    const carry = (from: Socket, to: Socket) => {
      from.on('data', (bytes: Buffer) => {
        if (from === upstream && dropsAnswer) {
          dropsAnswer = false
          upstream.destroy()
        } else if (!pair.isDead) {
          if (from === client) to.write(change(bytes))
          else later(() => to.writable && to.write(bytes))
        }
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        if (pair.isDead) return
        to.destroy()
        pairs.delete(pair)
      })
    }
    carry(client, upstream)
    carry(upstream, client)
  })
  const reset = () => {
    for (const { sockets } of pairs) for (const socket of sockets) socket.resetAndDestroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = new URL(target)
  url.port = String(typeof address === 'object' && address !== null ? address.port : 0)
  return {
    url: url.href,
    cut() {
      isCut = true
      for (const pair of pairs) pair.isDead = true
    },
    dropAnswer() {
      dropsAnswer = true
    },
    delay(ms) {
      delayMs = ms
    },
    reset,
    retarget(other) {
      ;({ hostname, port } = new URL(other))
      reset()
    },
    heal() {
      isCut = false
      // The target has given up the dead connections by now; the client must detect them by itself.
      for (const { sockets, isDead } of pairs) if (isDead) sockets[1]?.destroy()
    },
    close() {
      server.close()
      for (const { sockets } of pairs) for (const socket of sockets) socket.destroy()
    },
  }
}
