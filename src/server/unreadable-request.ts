import { randomUUID } from 'node:crypto'
import { maxHeaderSize, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { completeHeaders } from '../http/answer-headers.ts'

/**
 * Answers bytes that node:http could not read as a request, and closes their connection: what follows cannot be told
 * apart from the request any more. Without this, node:http answers the status without a body.
 *
 * @param isAnswering a part of the answer to this or to an earlier request was sent on this connection, so that the
 * client would take these bytes for the rest of it
 */
export function answerUnreadable(
  error: Error & { readonly code?: string },
  socket: Duplex,
  isAnswering: boolean,
): void {
  if (!socket.writable || isAnswering || error.code === 'ECONNRESET') {
    socket.destroy(error)
    return
  }
  socket.end(writeRefusal(error.code), () => socket.destroy())
}

/** The whole answer, by the code of node:http's error. */
export function writeRefusal(code: string | undefined): string {
  const { status, message } = refusals[code ?? ''] ?? unreadable
  const body = JSON.stringify({ message })
  const own = {
    'content-type': 'application/json',
    'content-length': `${Buffer.byteLength(body)}`,
    connection: 'close',
  }
  // It has no context: its header fields were not read, or are those of no request.
  const headers = completeHeaders(own, randomUUID())
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return `${[`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...fields].join('\r\n')}\r\n\r\n${body}`
}

interface ParserRefusal {
  readonly status: number
  readonly message: string
}

const unreadable: ParserRefusal = { status: 400, message: 'Expected a well-formed HTTP/1.1 request.' }
const ambiguousLength: ParserRefusal = {
  status: 400,
  message: 'Expected one `Content-Length`, or `Transfer-Encoding: chunked` without one.',
}

/** By the codes of node:http and of its parser. */
const refusals: Readonly<Record<string, ParserRefusal>> = {
  HPE_UNEXPECTED_CONTENT_LENGTH: ambiguousLength,
  HPE_INVALID_CONTENT_LENGTH: ambiguousLength,
  HPE_INVALID_TRANSFER_ENCODING: ambiguousLength,
  HPE_HEADER_OVERFLOW: { status: 431, message: `Expected headers of at most ${maxHeaderSize} bytes.` },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, message: 'Expected a chunked body without long extensions.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'Expected the whole request sooner.' },
}
