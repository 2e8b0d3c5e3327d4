import { createServer, type Server } from 'node:http'
import { createServerAdapter } from '@whatwg-node/server'
import type { Config } from './config.ts'
import { createHandler, type Handler } from './http/handler.ts'
import { createClientStore } from './storage/client-store.ts'
import { type Database, openDatabase } from './storage/database.ts'
import { createTokenStore } from './storage/token-store.ts'
import { createLogger, type Logger } from './telemetry.ts'
import { adminScopes, type ClientStore, digestClientSecret, mintClientSecret } from './tokens/clients.ts'
import { TokenServiceError } from './tokens/errors.ts'
import { createTokens } from './tokens/tokens.ts'

export interface Service {
  /** Where GraphQL and GraphiQL are. */
  readonly url: string
  /** What the tokens are kept in, for people. */
  readonly database: string
  /** Only at the first start on an empty database: the one time that it can be read. */
  readonly newAdminSecret: string | undefined
  /** Takes no new requests, finishes those under way, closes the database. A second call joins the first. */
  stop(): Promise<void>
}

/** How long requests under way may take to finish once the service stops. */
const drainMs = 10_000

/**
 * Starts the whole: database, migrations, admin client, HTTP.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE, ERR_STORAGE_UNAVAILABLE, ERR_CONFIGURATION (the port is taken)
 */
export async function startService(config: Config, logger: Logger = createLogger()): Promise<Service> {
  const report = (err: unknown) => logger.error({ err }, 'unexpected error')
  const database = await openDatabase(config.database, {
    onIdleError: (err) => logger.warn({ err }, 'an idle database connection broke'),
  })
  try {
    const clients = createClientStore(database)
    const newAdminSecret = await ensureAdmin(clients, config.adminSecret)
    const tokens = createTokens({
      store: createTokenStore(database),
      clients,
      lifetimes: config.lifetimes,
      clock: () => new Date(),
    })
    const lifecycle = { isStopping: false }
    const handler = createHandler({ tokens, report, assertReady: () => assertReady(database, lifecycle) })
    const server = await listen(closeWhenStopping(handler, lifecycle), config)
    const stop = once(async () => {
      lifecycle.isStopping = true
      await drain(server)
      await database.close()
    })
    return { url: urlOf(server, config.host), database: database.description, newAdminSecret, stop }
  } catch (error) {
    await database.close()
    throw error
  }
}

interface Lifecycle {
  isStopping: boolean
}

/** Answers the secret if it was made just now. */
async function ensureAdmin(clients: ClientStore, configured: string | undefined): Promise<string | undefined> {
  const secret = configured ?? mintClientSecret()
  const admin = { id: 'admin', secretDigest: digestClientSecret(secret), scopes: adminScopes }
  if (configured === undefined) return (await clients.addFirstClient(admin)) ? secret : undefined
  await clients.putClient(admin)
  return undefined
}

async function assertReady(database: Database, lifecycle: Lifecycle): Promise<void> {
  if (lifecycle.isStopping) throw new Error('The service is stopping')
  await database.ping()
}

/** A client on a kept-alive connection is told to come back on another, or it would run into the closed one. */
function closeWhenStopping(handler: Handler, lifecycle: Lifecycle): Handler {
  return async (request) => {
    const response = await handler(request)
    if (lifecycle.isStopping) response.headers.set('connection', 'close')
    return response
  }
}

async function listen(handler: Handler, { port, host }: Config): Promise<Server> {
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 },
    createServerAdapter(handler),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenFault(error, port, host)))
    server.listen(port, host, resolve)
  })
  return server
}

function listenFault(error: Error & { readonly code?: string }, port: number, host: string): Error {
  return new TokenServiceError(
    'ERR_CONFIGURATION',
    error.code === 'EADDRINUSE'
      ? `Port ${port} on ${host} is taken: stop the other program, or choose another PORT.`
      : `Can't listen on port ${port} of ${host} (${error.code ?? error.message}): choose another HOST or PORT.`,
    error,
  )
}

async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const deadline = setTimeout(() => server.closeAllConnections(), drainMs)
  await closed
  clearTimeout(deadline)
}

function urlOf(server: Server, host: string): string {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/graphql`
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}
