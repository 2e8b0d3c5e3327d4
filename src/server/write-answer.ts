import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { completeHeaders } from '../http/answer-headers.ts'
import type { FastAnswer } from '../http/graphql/fast-path.ts'
import { pingFrame, takeFrames } from '../http/graphql/guard-stream.ts'
import { isEventStream } from '../http/graphql/route.ts'
import type { OpenRequest } from './open-requests.ts'

/** An answer in one piece. */
interface WholeAnswer extends Omit<FastAnswer, 'body'> {
  readonly body: string | Uint8Array
}

/**
 * Bytes that are handed to a connection at once. How fast a client reads is seen by the piece, and a piece of bytes
 * that many answers share takes no memory of its own.
 */
const pieceBytes = 64 * 1024

/** Headers that are decided here and not by handlers: theirs could contradict what this file writes. */
const connectionHeaders = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length'])

/** Writes an answer of the fast path. It has the headers of every answer already, but for the one that names the request. */
export function writeFast({ response, context }: OpenRequest, { status, headers, body }: FastAnswer): void {
  if (response.headersSent) return
  const length = Buffer.byteLength(body)
  response.writeHead(status, { ...headers, 'x-request-id': context.id, 'content-length': length }).end(body)
}

/** Writes an answer, unless the request was given up and answered already. */
export function writeWhole({ response, context }: OpenRequest, { status, headers, body }: WholeAnswer): void {
  if (response.headersSent) return
  const complete = completeHeaders(headers, context.id)
  // RFC 9110 §8.6: a 204 has no `Content-Length`, and in a 304 it would be that of the body that is not sent.
  if (status !== 204 && status !== 304) complete['content-length'] = String(Buffer.byteLength(body))
  response.writeHead(status, complete).end(body)
}

/**
 * Writes a handler's answer: in one piece, or in pieces as the client reads it if it is a stream or long.
 *
 * @throws what the answer's body throws
 */
export async function write(request: OpenRequest, answer: Response): Promise<void> {
  const { response, context } = request
  if (response.headersSent) return answer.body?.cancel()
  const { status } = answer
  const fields = [...answer.headers].map(([name, value]): [string, string] => [name.toLowerCase(), value])
  const headers = Object.fromEntries(fields.filter(([name]) => !connectionHeaders.has(name)))
  // The router knows the length that GET's answer would have, and so do the handlers of long answers.
  const length = answer.headers.get('content-length')
  const withLength = length === null ? headers : { ...headers, 'content-length': length }
  if (response.req.method === 'HEAD') {
    response.writeHead(status, completeHeaders(withLength, context.id)).end()
    return
  }
  request.isStream = isEventStream(answer)
  const frames = takeFrames(answer)
  if (frames !== undefined) {
    response.writeHead(status, completeHeaders(headers, context.id))
    return writeFrames(response, frames)
  }
  if (answer.body !== null && (request.isStream || Number(length) > pieceBytes)) {
    response.writeHead(status, completeHeaders(request.isStream ? headers : withLength, context.id))
    return writePieces(response, answer.body)
  }
  const body = Buffer.from(await answer.arrayBuffer())
  if (body.byteLength <= pieceBytes) return writeWhole(request, { status, headers, body })
  if (response.headersSent) return
  response.writeHead(status, completeHeaders({ ...headers, 'content-length': String(body.byteLength) }, context.id))
  if (await writePiece(response, body)) response.end()
}

/**
 * Writes what the handler gives, and asks it for more once the client has read that. What it gives in one turn of the
 * event loop is written together: an event of a stream comes in two pieces, and each write is a call to the system.
 */
async function writePieces(response: ServerResponse, body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => undefined)
  response.once('close', cancel)
  let pieces: Uint8Array[] = []
  let length = 0
  let writing: Promise<void> | undefined
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    pieces.push(value)
    length += value.byteLength
    writing ??= writeTogether()
    if (length >= pieceBytes) await writing
  }
  await writing
  response.off('close', cancel)
  response.end()

  async function writeTogether(): Promise<void> {
    while (pieces.length > 0) {
      await nextTurn()
      const [first, ...others] = pieces
      pieces = []
      length = 0
      // A single piece is not copied: it may be a part of bytes that many answers share.
      if (first !== undefined)
        await writePiece(response, others.length === 0 ? first : Buffer.concat([first, ...others]))
    }
    writing = undefined
  }
}

/** As often as Yoga does it. */
const pingMs = 12_000

/** Writes the stream of a guard: each event as soon as it is there, and the next one once the guard has read. */
async function writeFrames(response: ServerResponse, frames: AsyncIterator<Uint8Array>): Promise<void> {
  const end = () => void frames.return?.()
  response.once('close', end)
  const ping = setInterval(() => {
    if (!response.writableNeedDrain) response.write(pingFrame)
  }, pingMs)
  try {
    for (let step = await frames.next(); step.done !== true; step = await frames.next())
      if (!(await writePiece(response, step.value))) break
  } finally {
    clearInterval(ping)
    response.off('close', end)
  }
  response.end()
}

/** Answers whether the client still reads, once it has read all but the last 64 KiB. */
async function writePiece(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  for (let start = 0; start < bytes.byteLength; start += pieceBytes) {
    if (response.closed || response.destroyed) return false
    if (!response.write(bytes.subarray(start, start + pieceBytes))) await untilRead(response)
  }
  return !response.closed && !response.destroyed
}

/** Until the client has read what was written, or has left. */
function untilRead(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle).off('close', settle)
      resolve()
    }
    response.once('drain', settle).once('close', settle)
  })
}
