import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createServerAdapter } from '@whatwg-node/server'
import type { EmitEvent } from '../events/events.ts'
import type { Refusal, RequestFacts } from '../http/admission.ts'
import type { FastAnswer } from '../http/graphql/fast-path.ts'
import { isEventStream } from '../http/graphql/route.ts'
import { createRequestContext, type RequestContext, type RouteHandler } from '../http/request-context.ts'
import { endpoint, type Routes } from '../http/routes.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import { createOpenRequests, type OpenRequests } from './open-requests.ts'
import { refuseRepeatedField } from './repeated-field.ts'
import { badRequestTarget, normalizeRequestTarget } from './request-target.ts'
import { answerUnreadable } from './unreadable-request.ts'

export interface ServerOptions {
  readonly routes: Routes
  readonly port: number
  readonly host: string
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
 * takes only one of the paths.
 *
 * It stops in three steps. Stopping: it still serves, and asks each client to use another connection for its next
 * request. Quiet: no request is running, and none has arrived for a moment; a request that waits for its client is
 * waited for 3 s, any other 8 s. Closed. Closing at once would reset
 * connections whose request has arrived but was not read yet: measured, 9 of 16 clients under load then did not learn
 * the outcome of theirs.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: the port is taken, or the process may not listen on it
 */
export async function startServer({ routes, port, host, emit }: ServerOptions): Promise<RunningServer> {
  let isStopping = false
  const openRequests = createOpenRequests()
  const adapter = createServerAdapter<ServerContext>((request, { context }) => routes.answer(request, context))
  const paths: Paths = { routes, adapter, openRequests, emit }
  const timeouts = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 }
  // A request without `Host` is refused by `refuse`: node:http would answer it without a body.
  const server = createServer({ ...timeouts, requireHostHeader: false }, (request, response) => {
    openRequests.add(response)
    if (isStopping) response.setHeader('connection', 'close')
    const refusal = refuse(request, routes)
    if (refusal !== undefined) writeWhole(response, refusal)
    else if (takesFastPath(request, routes)) void answerByFastPath(request, response, paths)
    else void answerByFullPath(request, response, paths)
  })
  server.on('clientError', (error, socket) => answerUnreadable(error, socket, openRequests.isAnswering(socket)))
  server.on('checkExpectation', (_request, response: ServerResponse) => writeWhole(response, expectationFailed))
  await listen(server, port, host)
  // Without a listener for `error`, a connection that cannot be accepted would end this process.
  server.on('error', (error) => emit({ name: 'connection_not_accepted', error }))
  return { origin: originOf(server, host), stop }

  async function stop(): Promise<void> {
    isStopping = true
    const requests = await openRequests.drain()
    if (requests > 0) emit({ name: 'requests_cut_off', facts: { requests } })
    await close(server)
  }
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

function contextOf({ headers, socket }: IncomingMessage, response: ServerResponse): RequestContext {
  const isAwaited = () => !response.closed
  const openSignal = () => {
    const disconnect = new AbortController()
    const abort = () => disconnect.abort()
    if (response.closed) abort()
    else response.once('close', abort)
    return disconnect.signal
  }
  const givenId = headers['x-request-id']
  return createRequestContext({ givenId: [givenId].flat()[0], address: socket.remoteAddress, isAwaited, openSignal })
}

/** What both paths need. Made once, not for each request. */
interface Paths extends Pick<ServerOptions, 'routes' | 'emit'> {
  readonly adapter: ReturnType<typeof createServerAdapter<ServerContext>>
  readonly openRequests: OpenRequests
}

/** The adapter converts the request of node:http. The answer is written here, in one piece unless it is a stream. */
async function answerByFullPath(
  request: IncomingMessage,
  response: ServerResponse,
  { adapter, openRequests, emit }: Paths,
): Promise<void> {
  try {
    const answer = await adapter.handleNodeRequestAndResponse(request, response, {
      context: contextOf(request, response),
    })
    if (isEventStream(answer)) openRequests.markStream(response)
    await write(response, answer)
  } catch (error) {
    endFailed(response, error, emit)
  }
}

async function answerByFastPath(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, openRequests, emit }: Paths,
): Promise<void> {
  try {
    const body = await readBody(request)
    const context = contextOf(request, response)
    const fastAnswer = await routes.fastPath.answer(request.headers, body, context)
    if (fastAnswer !== undefined) return writeWhole(response, fastAnswer)
    const answer = await callHandler(routes.answer, request, { body, context })
    if (isEventStream(answer)) openRequests.markStream(response)
    await write(response, answer)
  } catch (error) {
    endFailed(response, error, emit)
  }
}

/**
 * Ends a response that failed. Usually the client has disconnected, which is no event. Any other failure is a fault of
 * this server. If a part of the answer was sent, the connection is closed, so that no client takes it for the whole.
 */
function endFailed(response: ServerResponse, error: unknown, emit: EmitEvent): void {
  if (response.headersSent) {
    if (!isDisconnect(error)) emit({ name: 'response_not_sent', error })
    response.destroy()
    return
  }
  if (response.destroyed) return
  emit({ name: 'unexpected_error', error })
  writeWhole(response, failed)
}

const json = { 'content-type': 'application/json' }
const failed = { status: 500, headers: json, body: '{"message":"Unexpected error."}' }
/** RFC 9110 §10.1.1. node:http itself answers `100-continue`. */
const expectationFailed = { status: 417, headers: json, body: '{"message":"Expected no `Expect` but 100-continue."}' }

/** `pipeline` destroys the response after either failure, so only its error says whose failure it was. */
function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}

/** Headers that are decided here and not by handlers: theirs could contradict what this file writes. */
const connectionHeaders = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length'])

/** A stream is sent piece by piece. On both paths: `curl` sends a subscription with the headers of any operation. */
async function write(response: ServerResponse, answer: Response): Promise<void> {
  const { status } = answer
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => !connectionHeaders.has(name.toLowerCase())))
  if (response.req.method === 'HEAD') {
    // The router knows the length that GET's answer would have.
    const length = answer.headers.get('content-length')
    response.writeHead(status, length === null ? headers : { ...headers, 'content-length': length }).end()
    return
  }
  if (answer.body !== null && isEventStream(answer)) {
    response.writeHead(status, headers)
    return pipeline(answer.body, response)
  }
  writeWhole(response, { status, headers, body: Buffer.from(await answer.arrayBuffer()) })
}

/** RFC 9110 §8.6: a 204 has no `Content-Length`, and in a 304 it would be that of the body that is not sent. */
function writeWhole(response: ServerResponse, { status, headers, body }: WholeAnswer): void {
  const hasLength = status !== 204 && status !== 304
  response.writeHead(status, hasLength ? { ...headers, 'content-length': Buffer.byteLength(body) } : { ...headers })
  response.end(body)
}

interface WholeAnswer extends Omit<FastAnswer, 'body'> {
  readonly body: string | Uint8Array
}

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

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function originOf(server: Server, host: string): string {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
