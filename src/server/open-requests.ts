/**
 * The requests of a server from the arrival of their headers until their answer is sent or their connection is lost.
 *
 * States of a request:
 * - Arriving: its body is not complete. node:http limits how long that lasts.
 * - Working: it is complete, and nothing of its answer is sent. It is given up at the deadline: its caller is answered
 *   503, its signal aborts, and what its handler answers later is dropped.
 * - Answering: its answer is being sent. It is cut off when its client reads nothing for too long.
 * - Ended: its answer is sent, or its connection is lost. Its signal aborts.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { EmitEvent } from '../events/events.ts'
import type { EndedRequest, RequestObserver, WatchedRequest } from '../events/request-observer.ts'
import { createRequestContext, type RequestContext, type RequestOrigin } from '../http/request-context.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import { type Deadlines, longestStepMs, sweepMs } from './deadlines.ts'
import type { Client } from './forwarded.ts'

/** Why this server, and not the client, ended a request. */
type Ending = 'overdue' | 'unread' | 'stopped'

interface Beginning {
  readonly client: Client
  readonly now: number
  readonly watched: WatchedRequest | undefined
}

/** One request. Its states are described at the top of this file. */
export class OpenRequest implements RequestOrigin {
  readonly response: ServerResponse
  readonly address: string | undefined
  readonly origin: string | undefined
  readonly context: RequestContext
  /** The answer is a stream of events: it lasts until its client leaves. */
  isStream: boolean = false
  /** By the monotonic clock. */
  readonly beganAt: number = performance.now()
  /** The request as it is observed. */
  readonly watched: WatchedRequest | undefined
  /** The running time at the last change of state, or the last progress in it. */
  since: number
  /** How many bytes of the connection the system has taken at that time. */
  sentBytes = 0
  #ending: Ending | undefined
  #abandoned: AbortController | undefined

  constructor(response: ServerResponse, { client, now, watched }: Beginning) {
    this.response = response
    this.watched = watched
    this.since = now
    this.address = client.address
    this.origin = client.origin
    this.context = createRequestContext(this)
  }

  get givenId(): string | undefined {
    const given = this.response.req.headers['x-request-id']
    return typeof given === 'string' ? given : given?.[0]
  }

  isAwaited(): boolean {
    return this.#ending === undefined && !this.isOver
  }

  /** A response that waits behind another one of its connection is never closed: only its connection says so. */
  get isOver(): boolean {
    return this.response.closed || this.response.req.socket.destroyed
  }

  /** How it ended, once it is over. */
  get outcome(): Ending | 'answered' | 'disconnected' {
    return this.#ending ?? (this.response.writableFinished ? 'answered' : 'disconnected')
  }

  /** Nobody waits for the answer any more: nothing that can be stopped goes on. */
  abandon(message: string, ending?: Ending): void {
    this.#ending ??= ending
    this.#abandoned?.abort(new TokenServiceError('ERR_CANCELLED', message))
  }

  openSignal(): AbortSignal {
    this.#abandoned = new AbortController()
    if (!this.isAwaited()) this.abandon(clientHasLeft)
    return this.#abandoned.signal
  }
}

const clientHasLeft = 'The client has left.'

export interface OpenRequests {
  /** Opens a request, until its answer is sent or its connection is lost. */
  begin(request: IncomingMessage, response: ServerResponse): OpenRequest
  readonly all: ReadonlySet<OpenRequest>
  /** Whether a part of an answer was sent on this connection, and the rest was not. */
  isAnswering(socket: Duplex): boolean
  /** Ends the work on a request, and answers 503 if nothing was answered yet. */
  giveUp(request: OpenRequest, message: string, ending: Ending): void
  /** Ends the sweep, which does not keep a process alive. */
  close(): void
}

export interface OpenRequestsOptions {
  readonly deadlines: Deadlines
  readonly clientOf: (request: IncomingMessage) => Client
  /** Answers a request that is given up, in the dialect of its path. */
  readonly answerGivenUp: (request: OpenRequest, message: string) => void
  readonly observer: RequestObserver | undefined
  readonly emit: EmitEvent
}

export function createOpenRequests(options: OpenRequestsOptions): OpenRequests {
  const { deadlines, clientOf, observer, emit } = options
  const all = new Set<OpenRequest>()
  const clock = createRunningClock()
  const timer = setInterval(sweep, sweepMs).unref()

  return {
    all,
    begin(request, response) {
      const begun = new OpenRequest(response, {
        client: clientOf(request),
        now: clock.now,
        watched: observer?.begin({ method: request.method ?? '', headers: request.headers }),
      })
      all.add(begun)
      response.once('close', () => end(begun))
      return begun
    },
    isAnswering: (socket) =>
      [...all].some(({ response }) => response.socket === socket && response.headersSent && !response.writableFinished),
    giveUp,
    close: () => clearInterval(timer),
  }

  /** Every request ends here, and only once. */
  function end(request: OpenRequest): void {
    if (!all.delete(request)) return
    request.abandon(clientHasLeft)
    request.watched?.end(describeEnd(request))
  }

  function sweep(): void {
    clock.tick()
    for (const request of all) {
      if (request.isOver) end(request)
      else if (request.response.headersSent) checkReading(request)
      else if (!request.response.req.complete) request.since = clock.now
      else if (clock.now - request.since >= deadlines.answerMs) giveUpOverdue(request)
    }
  }

  function checkReading(request: OpenRequest): void {
    const { response } = request
    const { socket } = response.req
    const sentBytes = socket.bytesWritten - socket.writableLength
    if (response.writableLength === 0 || sentBytes !== request.sentBytes) {
      request.sentBytes = sentBytes
      request.since = clock.now
    } else if (clock.now - request.since >= deadlines.unreadMs) {
      emit({ name: 'reader_cut_off', facts: { request: request.context.id, unreadBytes: response.writableLength } })
      giveUp(request, 'The client did not read the answer.', 'unread')
    }
  }

  function giveUpOverdue(request: OpenRequest): void {
    emit({ name: 'request_overdue', facts: { request: request.context.id, milliseconds: deadlines.answerMs } })
    giveUp(request, `The request took longer than ${deadlines.answerMs / 1_000} s and was given up.`, 'overdue')
  }

  function giveUp(request: OpenRequest, message: string, ending: Ending): void {
    if (request.response.headersSent) request.response.req.socket.destroy()
    else options.answerGivenUp(request, message)
    // Only now: what the handler does about it must not be the answer.
    request.abandon(message, ending)
  }
}

function describeEnd({ response, context, outcome, isStream, beganAt }: OpenRequest): EndedRequest {
  const { route, operation, caller } = context.findings
  return {
    id: context.id,
    method: response.req.method ?? '',
    route,
    operation,
    caller,
    address: context.address,
    status: response.headersSent ? response.statusCode : 0,
    outcome,
    isStream,
    milliseconds: performance.now() - beganAt,
  }
}

/** Counts the time in which this process was running. It is right to within a sweep, and reading it costs nothing. */
function createRunningClock(): { readonly now: number; tick(): void } {
  let lastTick = performance.now()
  let now = 0
  return {
    get now() {
      return now
    },
    tick() {
      const instant = performance.now()
      now += Math.min(instant - lastTick, longestStepMs)
      lastTick = instant
    },
  }
}
