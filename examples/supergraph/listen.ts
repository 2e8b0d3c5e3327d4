import { createServer, type RequestListener } from 'node:http'

export interface Listening {
  readonly url: string
  stop(): Promise<void>
}

/** Starts a GraphQL server on a port of 127.0.0.1. Port 0 selects any free port. */
export async function listen(listener: RequestListener, port: number): Promise<Listening> {
  const server = createServer(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
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
