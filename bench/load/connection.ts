import { once } from 'node:events'
import { connect } from 'node:net'

export interface Answer {
  readonly status: number
  /** One character a byte. */
  readonly body: string
}

/** A keep-alive connection with one request in flight. */
export interface Connection {
  /** Sends a whole request, head and body, and resolves with its answer. */
  ask(request: string): Promise<Answer>
  close(): void
}

interface Asked {
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: Error) => void
}

/**
 * Opens a bare socket that speaks as much HTTP/1.1 as our servers answer.
 *
 * Bare because the generator shares two cores with what it measures: fetch costs more CPU a request than our server.
 */
export async function openConnection(origin: URL): Promise<Connection> {
  const socket = connect({ host: origin.hostname, port: Number(origin.port), noDelay: true })
  await once(socket, 'connect')
  let asked: Asked | undefined
  let received = ''

  socket.setEncoding('latin1')
  socket.on('data', (part: string) => {
    received = received === '' ? part : received + part
    const answer = readAnswer(received)
    if (answer === undefined) return
    received = ''
    const { resolve } = asked ?? { resolve: () => undefined }
    asked = undefined
    resolve(answer)
  })
  socket.on('error', (error) => asked?.reject(error))
  socket.on('close', () => asked?.reject(new Error('The server closed the connection before it answered')))

  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        asked = { resolve, reject }
        socket.write(request, 'latin1')
      }),
    close: () => {
      socket.destroy()
    },
  }
}

/** Undefined while something is missing. */
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

/** A POST as it goes over the wire: all but what changes from request to request is put together once. */
export function writePost(origin: URL, path: string, type: string): (body: string, authorization?: string) => string {
  const head = `POST ${path} HTTP/1.1\r\nhost: ${origin.host}\r\ncontent-type: ${type}\r\naccept: application/json\r\n`
  return (body, authorization) => {
    const credentials = authorization === undefined ? '' : `authorization: ${authorization}\r\n`
    return `${head}${credentials}content-length: ${body.length}\r\n\r\n${body}`
  }
}
