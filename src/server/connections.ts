import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { Server as TcpServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { OpenRequest, OpenRequests } from './open-requests.ts'
import { writeRefusal } from './unreadable-request.ts'

/**
 * How long each kind of connection may hold a stop, in milliseconds after it began. All together, with the closing of
 * the database, take less than 5 s.
 */
const bounds = {
  /** The connections that wait to be accepted. */
  acceptingMs: 600,
  /** A request under way. It is then answered 503: repeating it is safe. */
  runningMs: 3_000,
  /** A request that waits for its client: for the rest of its body, or until its answer is read. */
  waitingMs: 2_000,
  /** A stream, to send its end. One whose client does not read never finishes. */
  streamMs: 1_000,
  /** A connection without a request, since its last answer. Clients under load send their next request sooner. */
  idleMs: 500,
  /** A connection that is closed on our side, until its client closes it too. */
  lingerMs: 500,
} as const

/** How often the connections are looked through while the server stops. */
const stepMs = 20

/** The connections of a server, for its stop. */
export interface Connections {
  /** Serves a request; while the last connections are accepted, a moment later. */
  serve(serve: (request: IncomingMessage, response: ServerResponse) => void): RequestListener
  /** Whether each answer closes its connection. Not before the last is accepted: each client would open another. */
  readonly isStopping: boolean
  /** How many are open. */
  count(): number
  /**
   * Closes every connection so that its client learns the outcome of each request. Answers how many requests were not
   * answered by their handlers; streams are not counted, because their clients subscribe again.
   */
  close(): Promise<number>
}

export function createConnections(server: Server, openRequests: OpenRequests): Connections {
  const sockets = new Set<Duplex>()
  /** Since when a connection is without a request, while the server stops. */
  const idleSince = new Map<Duplex, number>()
  /** Since when a connection is closed on our side. */
  const closingSince = new Map<Duplex, number>()
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      idleSince.delete(socket)
      closingSince.delete(socket)
    })
  })
  let isStopping = false
  /** The requests that arrive while the last connections are accepted. */
  let held: (() => void)[] | undefined
  return {
    serve: (serve) => (request, response) => {
      if (held !== undefined) held.push(() => serve(request, response))
      else if (!closingSince.has(request.socket)) serve(request, response)
    },
    get isStopping() {
      return isStopping
    },
    count: () => sockets.size,
    close,
  }

  async function close(): Promise<number> {
    const waiting: (() => void)[] = []
    held = waiting
    await stopListening(server)
    isStopping = true
    held = undefined
    for (const serveNow of waiting) serveNow()
    let cutOff = 0
    for (const { response } of openRequests.all) if (!response.headersSent) response.setHeader('connection', 'close')
    const stoppedAt = performance.now()
    while (sockets.size > 0 && performance.now() - stoppedAt < bounds.runningMs + bounds.lingerMs) {
      const elapsed = performance.now() - stoppedAt
      cutOff += [...openRequests.all].filter((request) => giveUpLate(request, elapsed)).length
      await closeIdle(elapsed)
      await sleep(stepMs)
    }
    for (const socket of sockets) socket.destroy()
    return cutOff
  }

  /** Whether a request was given up that is no stream. */
  function giveUpLate(request: OpenRequest, elapsed: number): boolean {
    if (!request.isAwaited() || elapsed < patienceFor(request)) return false
    openRequests.giveUp(request, 'The service stops, and this request was not finished.', 'stopped')
    return !request.isStream
  }

  async function closeIdle(elapsed: number): Promise<void> {
    const busy = new Set<Duplex>([...openRequests.all].map(({ response }) => response.req.socket))
    for (const socket of sockets) {
      const closedAt = closingSince.get(socket)
      if (closedAt !== undefined) {
        if (elapsed - closedAt >= bounds.lingerMs) socket.destroy()
      } else if (busy.has(socket)) idleSince.delete(socket)
      else if (elapsed - since(socket, elapsed) >= bounds.idleMs) {
        closingSince.set(socket, elapsed)
        sayGoodbye(socket)
        // The end of the connection is sent in the next turn. In between, a client could take it for a usable one.
        await nextTurn()
      }
    }
  }

  function since(socket: Duplex, elapsed: number): number {
    const known = idleSince.get(socket) ?? elapsed
    idleSince.set(socket, known)
    return known
  }
}

function patienceFor({ isStream, response }: OpenRequest): number {
  if (isStream) return bounds.streamMs
  return response.req.complete && !response.headersSent ? bounds.runningMs : bounds.waitingMs
}

/**
 * Closes our side of a connection without a request. A request may be on its way on it, and it is not served: its
 * client reads this answer. RFC 9110 §15.5.9: after a 408 "if the client has an outstanding request in transit, it MAY
 * repeat that request". Without it, the client would see a closed connection and not know the outcome. A client that
 * has sent nothing drops the answer together with the connection.
 */
function sayGoodbye(socket: Duplex): void {
  socket.end(writeRefusal('ERR_HTTP_REQUEST_TIMEOUT'))
}

/**
 * Accepts no connection any more.
 *
 * What the system has accepted and node:http has not yet is reset with the listening socket. libuv takes one connection
 * in each turn of the event loop. So the server waits for a turn in which none came and which took almost no time: then
 * the last look at the socket was just now, and nothing waited there. Requests are held meanwhile, so that turns are short.
 *
 * `close` of node:http is not used: it destroys connections whose next request is on its way.
 */
async function stopListening(server: Server): Promise<void> {
  let hasAccepted = false
  const note = () => {
    hasAccepted = true
  }
  server.on('connection', note)
  const startedAt = performance.now()
  for (let elapsed = 0; elapsed < bounds.acceptingMs; elapsed = performance.now() - startedAt) {
    hasAccepted = false
    await nextTurn()
    const turnMs = performance.now() - startedAt - elapsed
    if (!hasAccepted && turnMs < shortTurnMs + elapsed * toleranceGrowth) break
  }
  server.off('connection', note)
  TcpServer.prototype.close.call(server)
}

const shortTurnMs = 0.1
/** A busy process has no such short turn: what is accepted as short grows, to 2 ms after half a second. */
const toleranceGrowth = 0.004
