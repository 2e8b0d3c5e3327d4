import { createServer, type RequestListener } from 'node:http'

export interface Listening {
  readonly url: string
  stop(): Promise<void>
}

/** The sentence that `serve` prints. */
function listenFault(error: Error & { readonly code?: string }, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error
  return new Error(`Port ${port} on 127.0.0.1 is taken: stop the other program, or choose another PORT.`)
}

/** Starts a GraphQL server on a port of 127.0.0.1. Port 0 selects any free port. */
export async function listen(listener: RequestListener, port: number): Promise<Listening> {
  const server = createServer(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: Error & { readonly code?: string }) => reject(listenFault(error, port)))
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}/graphql`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
