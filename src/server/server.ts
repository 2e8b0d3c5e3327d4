import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServerAdapter } from '@whatwg-node/server'
import type { FastAnswer, FastPath } from '../http/graphql/fast-path.ts'
import { isEventStream } from '../http/graphql/route.ts'
import { endpoint, type Handler } from '../http/handler.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import { badRequestTarget, normalizeRequestTarget } from './request-target.ts'

/** How long requests under way may take to finish once the server stops. */
const drainMs = 10_000
/** How long a stream may take to say that it is complete: one whose client does not read never will. */
const streamDrainMs = 1_000
/** How long no request must have come before the doors close. */
const quietMs = 200

export interface ServerOptions {
  readonly handler: Handler
  readonly fastPath: FastPath
  readonly port: number
  readonly host: string
  /** Told about what no route has answered for. */
  readonly report: (error: unknown) => void
}

export interface RunningServer {
  readonly origin: string
  /** Finishes what is under way, then closes. No new request should come, and no stream go on: end them before. */
  stop(): Promise<void>
}

/**
 * A handler on a port of node:http.
 *
 * It stops in three moves. Stopping: still serves, and tells each client to come back on another connection. Quiet:
 * nothing is under way and nothing came for a moment. Closed. Closing at once would reset connections whose request
 * has arrived and was not read yet: measured, 9 of 16 clients under load did not learn what became of theirs.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: the port is taken, or may not be listened on
 */
export async function startServer({ handler, fastPath, port, host, report }: ServerOptions): Promise<RunningServer> {
  let isStopping = false
  const underWay = new Set<ServerResponse>()
  let lastRequestAt = 0

  const eventStreams = new WeakSet<ServerResponse>()
  const adapter = createServerAdapter(handler)
  const timeouts = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 }
  const server = createServer(timeouts, (request, response) => {
    underWay.add(response)
    lastRequestAt = Date.now()
    response.once('close', () => underWay.delete(response))
    if (isStopping) response.setHeader('connection', 'close')
    const isShort = request.method === 'POST' && request.url === endpoint && fastPath.takes(request.headers)
    if (isShort) void answerByFastPath(request, response, { handler, fastPath, eventStreams, report })
    else if (normalizeRequestTarget(request)) void answerByHandler(request, response, { adapter, eventStreams, report })
    else writeWhole(response, badRequestTarget)
  })
  await listen(server, port, host)
  return { origin: originOf(server, host), stop }

  async function stop(): Promise<void> {
    isStopping = true
    const stoppedAt = Date.now()
    const since = (instant: number) => Date.now() - instant
    const isDone = () =>
      underWay.size === 0 ||
      (since(stoppedAt) >= streamDrainMs && [...underWay].every((response) => eventStreams.has(response)))
    const isQuiet = () => isDone() && since(lastRequestAt) >= quietMs
    while (!isQuiet() && since(stoppedAt) < drainMs) await sleep(20)
    await close(server)
  }
}

interface HandlerPath extends Pick<ServerOptions, 'report'> {
  readonly adapter: ReturnType<typeof createServerAdapter>
  readonly eventStreams: WeakSet<ServerResponse>
}

/** What the adapter makes of a request of node:http; the answer is written here, where it is whole, in one piece. */
async function answerByHandler(
  request: IncomingMessage,
  response: ServerResponse,
  { adapter, eventStreams, report }: HandlerPath,
): Promise<void> {
  try {
    const answer = await adapter.handleNodeRequestAndResponse(request, response, {})
    if (isEventStream(answer)) eventStreams.add(response)
    await write(response, answer)
  } catch (error) {
    abandon(response, error, report)
  }
}

interface FastPathUse extends Pick<ServerOptions, 'handler' | 'fastPath' | 'report'> {
  readonly eventStreams: WeakSet<ServerResponse>
}

async function answerByFastPath(
  request: IncomingMessage,
  response: ServerResponse,
  { handler, fastPath, eventStreams, report }: FastPathUse,
): Promise<void> {
  try {
    const body = await readBody(request)
    const short = await fastPath.answer(request.headers, body)
    if (short !== undefined) return writeWhole(response, short)
    const hangUp = new AbortController()
    response.once('close', () => hangUp.abort())
    const answer = await askHandler(handler, request, { body, signal: hangUp.signal })
    if (isEventStream(answer)) eventStreams.add(response)
    await write(response, answer)
  } catch (error) {
    abandon(response, error, report)
  }
}

/** Mostly the client went away, and nobody reads this; what else there is, is our fault. Half an answer is none. */
function abandon(response: ServerResponse, error: unknown, report: (error: unknown) => void): void {
  if (!response.destroyed) report(error)
  if (response.headersSent) response.destroy()
  else writeWhole(response, { status: 500, headers: {}, body: '' })
}

/** How an answer is carried is decided here, and not by who made it: two accounts of its length are none. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding'])

/** A stream goes out as it comes; `curl` asks for a subscription with the headers of any other operation. */
async function write(response: ServerResponse, answer: Response): Promise<void> {
  const { status } = answer
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => !hopByHop.has(name.toLowerCase())))
  if (answer.body !== null && isEventStream(answer)) {
    response.writeHead(status, headers)
    return pipeline(answer.body, response)
  }
  writeWhole(response, { status, headers, body: Buffer.from(await answer.arrayBuffer()) })
}

/** RFC 9110 §8.6: a 204 has no `Content-Length`, and a 304 none but that of what was not sent. */
function writeWhole(response: ServerResponse, { status, headers, body }: WholeAnswer): void {
  const hasLength = status !== 204 && status !== 304
  response.writeHead(status, hasLength ? { ...headers, 'content-length': Buffer.byteLength(body) } : { ...headers })
  response.end(body)
}

interface WholeAnswer extends Omit<FastAnswer, 'body'> {
  readonly body: string | Uint8Array
}

/** The body was read already, so the long way is given a request of its own. */
function askHandler(
  handler: Handler,
  { headers }: IncomingMessage,
  { body, signal }: { readonly body: Uint8Array<ArrayBuffer>; readonly signal: AbortSignal },
): Promise<Response> {
  const { authorization, accept } = headers
  const given = new Headers({ 'content-type': 'application/json', 'content-length': String(body.byteLength) })
  if (authorization !== undefined) given.set('authorization', authorization)
  if (accept !== undefined) given.set('accept', accept)
  return handler(new Request(`http://localhost${endpoint}`, { method: 'POST', headers: given, body, signal }))
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
    server.once('error', (error) => reject(listenFault(error, port, host)))
    server.listen(port, host, resolve)
  })
}

function listenFault(error: Error & { readonly code?: string }, port: number, host: string): Error {
  const message =
    error.code === 'EADDRINUSE'
      ? `Port ${port} on ${host} is taken: stop the other program, or choose another PORT.`
      : `Can't listen on port ${port} of ${host} (${error.code ?? error.message}): choose another HOST or PORT.`
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
