import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { EmitEvent } from '../../src/events/events.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { noTokens } from './no-tokens.ts'

/** Starts a server whose requests never reach a token: a request that is not refused by its form fails. */
export function startWithoutTokens(emit: EmitEvent = () => undefined): Promise<RunningServer> {
  const routes = createRoutes({ tokens: noTokens, assertReady: async () => undefined, emit })
  return startServer({ routes, port: 0, host: '127.0.0.1', emit })
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** A raw socket, for requests that `fetch` would not send. */
export function openSocket(origin: string): Socket {
  return connect(Number(new URL(origin).port), '127.0.0.1')
}

/** Sends a request on a connection of its own, and reads until the server closes the connection. */
export async function sendRaw(origin: string, lines: readonly string[], body = ''): Promise<RawAnswer> {
  const socket = openSocket(origin)
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  return readAnswer(await text(socket))
}

/** Reads an answer with a body of a known length. */
export function readAnswer(answer: string): RawAnswer {
  const [head = '', ...rest] = answer.split('\r\n\r\n')
  const [statusLine = '', ...fields] = head.split('\r\n')
  const pairs = fields.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return { status: Number(statusLine.split(' ')[1]), headers: new Headers(pairs), body: rest.join('\r\n\r\n') }
}
