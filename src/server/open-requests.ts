import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * How long a request may run once the server stops. Many platforms kill a container 10 s after SIGTERM, and the database
 * is closed after the server.
 */
const runningMs = 8_000
/**
 * How long a request may wait for its client once the server stops: for the rest of its body, or until its answer is
 * read. No work of this service is lost with it.
 */
const waitingMs = 3_000
/** How long a stream may take to send its end. One whose client does not read never finishes. */
const streamMs = 1_000
/** How long the server must have received no request before it closes. */
const quietMs = 200

/** The requests of a server that are not answered yet, as far as it knows of them: their headers have arrived. */
export interface OpenRequests {
  /** Keeps the request until its answer is sent or its connection is lost. */
  add(response: ServerResponse): void
  /** The answer is a stream of events: it lasts until its client leaves. */
  markStream(response: ServerResponse): void
  /** Whether a part of an answer was sent on this connection, and the rest was not. */
  isAnswering(socket: Duplex): boolean
  /**
   * Waits until no request is open and none has arrived for a moment, but no longer than each of them may take. Answers
   * how many requests are cut off if the server closes now. Streams are not counted: their clients subscribe again.
   */
  drain(): Promise<number>
}

export function createOpenRequests(): OpenRequests {
  const open = new Set<ServerResponse>()
  const streams = new WeakSet<ServerResponse>()
  let lastRequestAt = 0

  function patienceFor(response: ServerResponse): number {
    if (streams.has(response)) return streamMs
    return !response.req.complete || response.writableEnded ? waitingMs : runningMs
  }

  return {
    add(response) {
      open.add(response)
      lastRequestAt = Date.now()
      response.once('close', () => open.delete(response))
    },
    markStream: (response) => void streams.add(response),
    isAnswering: (socket) => [...open].some((response) => response.socket === socket && response.headersSent),
    async drain() {
      const stoppedAt = Date.now()
      const isDone = () => [...open].every((response) => Date.now() - stoppedAt >= patienceFor(response))
      const isQuiet = () => Date.now() - lastRequestAt >= quietMs
      while (!(isDone() && isQuiet()) && Date.now() - stoppedAt < runningMs) await sleep(20)
      return [...open].filter((response) => !streams.has(response)).length
    },
  }
}
