import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServerAdapter } from '@whatwg-node/server'
import type { EmitEvent } from '../events/events.ts'
import type { RequestObserver } from '../events/request-observer.ts'
import type { Refusal, RequestFacts } from '../http/admission.ts'
import type { RequestContext, RouteHandler } from '../http/request-context.ts'
import { endpoint, type Routes } from '../http/routes.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import { createConnections } from './connections.ts'
import { arrivalCheckMs, type Deadlines, deadlines as defaultDeadlines } from './deadlines.ts'
import { createForwarded, type TrustedProxies } from './forwarded.ts'
import { createOpenRequests, type OpenRequest } from './open-requests.ts'
import { refuseRepeatedField } from './repeated-field.ts'
import { badRequestTarget, normalizeRequestTarget } from './request-target.ts'
import { answerUnreadable } from './unreadable-request.ts'
import { write, writeFast, writeWhole } from './write-answer.ts'

export interface ServerOptions {
  readonly routes: Routes
  readonly port: number
  readonly host: string
  /** The most connections at a time: 4,096 by default. */
  readonly maxConnections?: number
  /** The proxies whose `X-Forwarded-…` headers are read. None by default. */
  readonly trustedProxies?: TrustedProxies
  readonly deadlines?: Deadlines
  /** Watches every request. */
  readonly observer?: RequestObserver
  readonly emit: EmitEvent
}

export interface RunningServer {
  readonly origin: string
  /** Finishes the running requests, then closes. Stop new requests and end the streams before calling it. */
  stop(): Promise<void>
}

/**
 * Serves the routes on a port, by node:http.
 *
 * A request goes through these steps: its header fields, its target and `Host` are checked, the policy is asked, and
 * only then the fast or the full path is taken. What every request must pass belongs in `refuse`, because a request
 * takes only one of the paths. It begins in `openRequests.begin`, and every request ends there too.
 *
 * While it stops it accepts no connection, and still serves those that are open: each is told to close with its next
 * answer. So no client is left without the outcome of a request that it has sent.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: the port is taken, or the process may not listen on it
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { routes, port, host, emit, deadlines = defaultDeadlines, maxConnections = defaultMaxConnections } = options
  const forwarded = createForwarded(options.trustedProxies)
  const openRequests = createOpenRequests({
    deadlines,
    clientOf: forwarded.clientOf,
    answerGivenUp,
    observer: options.observer,
    emit,
  })
  const adapter = createServerAdapter<ServerContext>((request, { context }) => routes.answer(request, context))
  const paths: Paths = { routes, adapter, emit }
  const server = createServer(nodeOptions(deadlines))
  const connections = createConnections(server, openRequests)
  options.observer?.watchConnections(connections.count)
  const serve = connections.serve((request, response) => {
    const begun = openRequests.begin(request, response)
    if (connections.isStopping) response.setHeader('connection', 'close')
    if (begun.watched === undefined) answer(begun, paths)
    else begun.watched.run(() => answer(begun, paths))
  })
  server.on('request', serve)
  server.maxConnections = maxConnections
  server.on('drop', () => emit({ name: 'connection_refused', facts: { maxConnections } }))
  server.on('clientError', (error, socket) => answerUnreadable(error, socket, openRequests.isAnswering(socket)))
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    writeWhole(openRequests.begin(request, response), expectationFailed),
  )
  await listen(server, port, host)
  // Without a listener for `error`, a connection that cannot be accepted would end this process.
  server.on('error', (error) => emit({ name: 'connection_not_accepted', error }))
  return { origin: originOf(server, host), stop }

  async function stop(): Promise<void> {
    const requests = await connections.close()
    if (requests > 0) emit({ name: 'requests_cut_off', facts: { requests } })
    openRequests.close()
    // The connections are closed. This ends the timer by which node:http looks for requests that arrive too slowly.
    server.close()
  }

  function answerGivenUp(request: OpenRequest, message: string): void {
    request.response.setHeader('connection', 'close')
    writeWhole(request, routes.answerGivenUp(request.response.req.url ?? '/', message))
  }
}

/** A connection takes some 20 KB, and up to 64 KiB more while a body arrives on it. */
const defaultMaxConnections = 4_096

function nodeOptions({ headersMs, wholeRequestMs }: Deadlines) {
  return {
    headersTimeout: headersMs,
    requestTimeout: wholeRequestMs,
    connectionsCheckingInterval: Math.min(arrivalCheckMs, headersMs),
    // Longer than the pauses of common proxies (60 s), so that they close idle connections and not this server.
    keepAliveTimeout: 65_000,
    // A request without `Host` is refused by `refuse`: node:http would answer it without a body.
    requireHostHeader: false,
  }
}

function answer(begun: OpenRequest, paths: Paths): void {
  const { req: request } = begun.response
  const refusal = refuse(request, paths.routes)
  if (refusal !== undefined) writeWhole(begun, refusal)
  else if (takesFastPath(request, paths.routes)) void answerByFastPath(begun, paths)
  else void answerByFullPath(begun, paths)
}

/** Undefined for a request that may take its path. */
function refuse(request: IncomingMessage, { admit }: Routes): Refusal | undefined {
  const refusal = refuseRepeatedField(request.rawHeaders)
  if (refusal !== undefined) return refusal
  if (!normalizeRequestTarget(request)) return badRequestTarget
  return admit?.(factsOf(request))
}

function factsOf({ method = '', url = '', headers }: IncomingMessage): RequestFacts {
  const [path = ''] = url.split('?')
  return { method, path, header: (name) => [headers[name]].flat().join(', ') || undefined }
}

function takesFastPath({ method, url, headers }: IncomingMessage, { fastPath }: Routes): boolean {
  return method === 'POST' && url === endpoint && fastPath.accepts(headers)
}

/** What the adapter passes on beside the request. */
interface ServerContext {
  readonly context: RequestContext
}

/** What both paths need. Made once, not for each request. */
interface Paths extends Pick<ServerOptions, 'routes' | 'emit'> {
  readonly adapter: ReturnType<typeof createServerAdapter<ServerContext>>
}

/** The adapter converts the request of node:http. */
async function answerByFullPath(begun: OpenRequest, { adapter, emit }: Paths): Promise<void> {
  const { response, context } = begun
  try {
    await write(begun, await adapter.handleNodeRequestAndResponse(response.req, response, { context }))
  } catch (error) {
    endFailed(begun, error, emit)
  }
}

async function answerByFastPath(begun: OpenRequest, { routes, emit }: Paths): Promise<void> {
  const { response, context } = begun
  const { req: request } = response
  begun.context.findings.route = endpoint
  try {
    const body = await readBody(request)
    const fastAnswer = await routes.fastPath.answer(request.headers, body, context)
    if (fastAnswer !== undefined) return writeFast(begun, fastAnswer)
    await write(begun, await callHandler(routes.answer, request, { body, context }))
  } catch (error) {
    endFailed(begun, error, emit)
  }
}

/**
 * Ends a request that failed. Usually the client has left, which is no event. Any other failure is a fault of this
 * server. If a part of the answer was sent, the connection is closed, so that no client takes it for the whole.
 */
function endFailed(begun: OpenRequest, error: unknown, emit: EmitEvent): void {
  const { response } = begun
  if (!begun.isAwaited()) return
  const isBegun = response.headersSent
  emit({ name: isBegun ? 'response_not_sent' : 'unexpected_error', error })
  if (isBegun) response.destroy()
  else writeWhole(begun, failed)
}

const json = { 'content-type': 'application/json' }
const failed = { status: 500, headers: json, body: '{"message":"Unexpected error."}' }
/** RFC 9110 §10.1.1. node:http itself answers `100-continue`. */
const expectationFailed = { status: 417, headers: json, body: '{"message":"Expected no `Expect` but 100-continue."}' }

/** The fast path has already read the body, so the full path gets a new request with the same body. */
function callHandler(
  handler: RouteHandler,
  { headers }: IncomingMessage,
  { body, context }: { readonly body: Uint8Array<ArrayBuffer>; readonly context: RequestContext },
): Promise<Response> {
  const { authorization, accept } = headers
  const forwarded = new Headers({ 'content-type': 'application/json', 'content-length': String(body.byteLength) })
  if (authorization !== undefined) forwarded.set('authorization', authorization)
  if (accept !== undefined) forwarded.set('accept', accept)
  const { signal } = context
  const repeated = new Request(`http://localhost${endpoint}`, { method: 'POST', headers: forwarded, body, signal })
  return handler(repeated, context)
}

function readBody(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.once('end', () => resolve(Buffer.concat(parts)))
    request.once('error', reject)
  })
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => reject(listenFault(error, port, host))
    server.once('error', refuse)
    server.listen(port, host, () => {
      server.off('error', refuse)
      resolve()
    })
  })
}

function listenFault(error: Error & { readonly code?: string }, port: number, host: string): Error {
  const message =
    error.code === 'EADDRINUSE'
      ? `Port ${port} on ${host} is taken: stop the other program, or choose another PORT.`
      : `Cannot listen on port ${port} of ${host} (${error.code ?? error.message}): choose another HOST or PORT.`
  return new TokenServiceError('ERR_CONFIGURATION', message, error)
}

function originOf(server: Server, host: string): string {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
