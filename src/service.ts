import type { Config } from './config.ts'
import { dropEvents, type EmitEvent } from './events/events.ts'
import { limitRepeats } from './events/limit-repeats.ts'
import type { EndedRequest } from './events/request-observer.ts'
import { createSchema } from './graph/schema.ts'
import type { Admit } from './http/admission.ts'
import { createRoutes } from './http/routes.ts'
import { startObservability } from './observability/observability.ts'
import { startServer } from './server/server.ts'
import { closeAll, once } from './stopping.ts'
import type { Database } from './storage/engine/database.ts'
import { guardOpening } from './storage/engine/opening-errors.ts'
import { createFailureCounts } from './storage/failure-counts.ts'
import { startRetention } from './storage/retention.ts'
import { openLog } from './telemetry.ts'
import { openTokenService } from './token-service.ts'
import type { ClientStore } from './tokens/client-store.ts'
import { adminScopes, digestClientSecret, mintClientSecret } from './tokens/clients.ts'
import { TokenServiceError } from './tokens/errors.ts'

/** A running service. */
export interface Service {
  /** The URL of GraphQL and GraphiQL. */
  readonly url: string
  /** A description of the database, for operators. */
  readonly database: string
  /** The URL of the metrics; undefined without METRICS_PORT. */
  readonly metricsUrl: string | undefined
  /** Set only at the first start on an empty database. Only its digest is stored, so it cannot be read again. */
  readonly newAdminSecret: string | undefined
  /**
   * Accepts no new requests, ends streams, finishes the requests that are under way, and closes the database. Takes less
   * than 5 s, whatever happens. A second call answers the promise of the first.
   */
  stop(): Promise<void>
}

export interface ServiceOptions {
  /**
   * Receives the operational events, at most five a second of the same event with the same error. By default each is
   * written to standard error as a line of JSON.
   */
  readonly emit?: EmitEvent
  /** Receives each request once it has ended. By default it is a line of the log, if `LOG_REQUESTS` is on. */
  readonly onRequest?: (ended: EndedRequest) => void
  /** A policy for all requests, on every path. By default all are admitted. */
  readonly admit?: Admit
}

/**
 * Starts the whole service: database, migrations, admin client, HTTP server. This is the composition root.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE, ERR_STORAGE_UNAVAILABLE, ERR_CONFIGURATION (the port is taken)
 */
export async function startService(config: Config, options: ServiceOptions = {}): Promise<Service> {
  const log = options.emit === undefined ? openLog(config.log) : undefined
  const report = limitRepeats(options.emit ?? log?.emit ?? dropEvents)
  const onRequest = options.onRequest ?? log?.onRequest
  const opened: (() => Promise<void>)[] = []
  const stop = once(() => closeAll(opened))
  try {
    const { emit, observer, ...observability } = await startObservability(config.metrics, { emit: report, onRequest })
    opened.push(observability.stop)
    const { database, clients, ...service } = await openTokenService(config, { emit, observer })
    const tokens = observability.observe(service.tokens)
    observability.watchPools(database)
    opened.push(database.close)
    opened.push(startRetention(database, { revocationDays: config.revocationDays, clock: () => new Date() }))

    const readiness = createReadiness(database)
    const routes = createRoutes({
      schema: createSchema({ directives: config.federationDirectives }),
      tokens,
      admit: options.admit,
      assertReady: readiness.assert,
      publicUrl: config.publicUrl,
      exposure: config.exposure,
      maxGraphqlBytes: config.maxGraphqlBytes,
      maxQueryCost: config.maxQueryCost,
      corsOrigins: config.corsOrigins,
      maxStreams: config.maxStreams,
      maxStreamsPerCaller: config.maxStreamsPerCaller,
      rateLimits: config.rateLimits,
      failureCounts: config.countsFailuresTogether ? createFailureCounts(database) : undefined,
      emit,
    })
    const { port, host, trustedProxies, maxConnections } = config
    const server = await startServer({
      routes,
      port,
      host,
      trustedProxies,
      maxConnections,
      ...(observability.requests && { observer: observability.requests }),
      emit,
    })
    opened.push(server.stop, async () => tokens.endStreams(), readiness.end)

    // The last step: if a later step failed, a new secret would be stored but never shown.
    const newAdminSecret = await guardOpening(config.database, () => ensureAdmin(clients, config.adminSecret))
    const { metricsUrl } = observability
    return { url: `${server.origin}/graphql`, database: database.description, metricsUrl, newAdminSecret, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Whether the service can take requests: it is not stopping, and the database answers. */
function createReadiness(database: Database) {
  let hasEnded = false
  return {
    assert: async () => {
      if (hasEnded) throw new Error('The service is stopping')
      await database.ping()
    },
    end: async () => {
      hasEnded = true
    },
  }
}

/**
 * Makes sure that the admin client exists. Answers its secret if this call has generated and stored it.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: ADMIN_SECRET is set, and the client admin was deleted
 */
async function ensureAdmin(clients: ClientStore, configured: string | undefined): Promise<string | undefined> {
  const secret = configured ?? mintClientSecret()
  const admin = { id: 'admin', secretDigest: digestClientSecret(secret), scopes: adminScopes }
  if (configured === undefined) return (await clients.addFirstClient(admin)) ? secret : undefined
  if (await clients.putClient(admin)) return undefined
  throw new TokenServiceError(
    'ERR_CONFIGURATION',
    'ADMIN_SECRET is set, but the client admin was deleted, and an id is never used again: unset ADMIN_SECRET, and use another client (`client create` adds one).',
  )
}
