import { once } from 'node:events'
import { connect } from 'node:net'

export interface Answer {
  readonly status: number
  /** One character for each byte. */
  readonly body: string
}

/** A keep-alive connection with one request in flight. */
export interface Connection {
  /** Sends a whole request, head and body, and resolves with its answer. */
  send(request: string): Promise<Answer>
  close(): void
}

interface Pending {
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: Error) => void
}

/**
 * Opens a socket and implements only as much HTTP/1.1 as the measured servers answer.
 *
 * It is not `fetch`, because the load generator shares two cores with what it measures, and `fetch` uses more CPU for a
 * request than the service does.
 */
export async function openConnection(origin: URL): Promise<Connection> {
  const socket = connect({ host: origin.hostname, port: Number(origin.port), noDelay: true })
  await once(socket, 'connect')
  let pending: Pending | undefined
  let received = ''

  socket.setEncoding('latin1')
  socket.on('data', (part: string) => {
    received = received === '' ? part : received + part
    const answer = readAnswer(received)
    if (answer === undefined) return
    received = ''
    const { resolve } = pending ?? { resolve: () => undefined }
    pending = undefined
    resolve(answer)
  })
  socket.on('error', (error) => pending?.reject(error))
  socket.on('close', () => pending?.reject(new Error('The server closed the connection before it answered')))

  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        pending = { resolve, reject }
        socket.write(request, 'latin1')
      }),
    close: () => {
      socket.destroy()
    },
  }
}

/** Undefined while the answer is incomplete. */
function readAnswer(text: string): Answer | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = text.slice(0, headEnd)
  const status = Number(head.slice(9, 12))
  const body = text.slice(headEnd + 4)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) return body.length < Number(length) ? undefined : { status, body }
  return body.endsWith('0\r\n\r\n') ? { status, body } : undefined
}

/** Writes the bytes of a POST. The part that is the same for all requests is written once. */
export function writePost(origin: URL, path: string, type: string): (body: string, authorization?: string) => string {
  const head = `POST ${path} HTTP/1.1\r\nhost: ${origin.host}\r\ncontent-type: ${type}\r\naccept: application/json\r\n`
  return (body, authorization) => {
    const credentials = authorization === undefined ? '' : `authorization: ${authorization}\r\n`
    return `${head}${credentials}content-length: ${body.length}\r\n\r\n${body}`
  }
}
