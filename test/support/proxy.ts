import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * A TCP proxy on 127.0.0.1 that can fall silent (it swallows what comes and closes nothing, as a cut cable does), or
 * lose an answer.
 */
export interface TcpProxy {
  /** The address that it was made for, by way of it. */
  readonly url: string
  /** Connections that are open now, and those made until it is healed, are dead from here on, without a word. */
  cut(): void
  /** The next answer does not arrive: its connection breaks instead. */
  dropAnswer(): void
  /** New connections are carried again. */
  heal(): void
  close(): void
}

export async function startProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target)
  const pairs = new Set<{ readonly sockets: readonly Socket[]; isDead: boolean }>()
  let isCut = false
  let dropsAnswer = false
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    const pair = { sockets: [near, far], isDead: isCut }
    pairs.add(pair)
    const carry = (from: Socket, to: Socket) => {
      from.on('data', (bytes) => {
        if (from === far && dropsAnswer) {
          dropsAnswer = false
          far.destroy()
        } else if (!pair.isDead) to.write(bytes)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        if (pair.isDead) return
        to.destroy()
        pairs.delete(pair)
      })
    }
    carry(near, far)
    carry(far, near)
  })
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
    heal() {
      isCut = false
      // The server has given up on the dead ones by now; the client has to find out by itself.
      for (const { sockets, isDead } of pairs) if (isDead) sockets[1]?.destroy()
    },
    close() {
      server.close()
      for (const { sockets } of pairs) for (const socket of sockets) socket.destroy()
    },
  }
}
