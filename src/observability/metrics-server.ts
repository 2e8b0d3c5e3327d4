import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { TokenServiceError } from '../tokens/errors.ts'
import type { Metrics } from './metrics.ts'

export interface MetricsServer {
  readonly url: string
  stop(): Promise<void>
}

/**
 * Serves `GET /metrics` on a port of its own: metrics need no credentials there, and the public port does not show them.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: the port is taken, or the process may not listen on it
 */
export async function startMetricsServer(
  metrics: Metrics,
  { port, host }: { readonly port: number; readonly host: string },
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    void answer(metrics, request, response)
  })
  // A scraper has one connection or two.
  server.maxConnections = 20
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(taken(port, host, error)))
    server.listen(port, host, resolve)
  })
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/metrics`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(metrics: Metrics, { method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  if (url?.split('?')[0] !== '/metrics') {
    response.writeHead(404, headers).end('Metrics are at /metrics.\n')
    return
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { ...headers, allow: 'GET, HEAD' }).end('Expected GET.\n')
    return
  }
  const { type, text } = await metrics.write()
  response.writeHead(200, { ...headers, 'content-type': type }).end(method === 'HEAD' ? undefined : text)
}

function taken(port: number, host: string, error: Error & { readonly code?: string }): TokenServiceError {
  const message =
    error.code === 'EADDRINUSE'
      ? `Port ${port} on ${host} is taken: stop the other program, or choose another METRICS_PORT.`
      : `Cannot listen on port ${port} of ${host} (${error.code ?? error.message}): choose another METRICS_HOST or METRICS_PORT.`
  return new TokenServiceError('ERR_CONFIGURATION', message, error)
}
