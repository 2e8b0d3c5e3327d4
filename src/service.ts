import type { Config } from './config.ts'
import { createSchema } from './graph/schema.ts'
import { createFastPath } from './http/graphql/fast-path.ts'
import { createHandler } from './http/handler.ts'
import { startServer } from './server/server.ts'
import type { Database } from './storage/engine/database.ts'
import { startRetention } from './storage/retention.ts'
import { createLogger, type Logger } from './telemetry.ts'
import { openTokenService } from './token-service.ts'
import { adminScopes, type ClientStore, digestClientSecret, mintClientSecret } from './tokens/clients.ts'

export interface Service {
  /** Where GraphQL and GraphiQL are. */
  readonly url: string
  /** What the tokens are kept in, for people. */
  readonly database: string
  /** Only at the first start on an empty database: the one time that it can be read. */
  readonly newAdminSecret: string | undefined
  /** Takes no new requests, ends streams, finishes what is under way, closes the database. A second call joins the first. */
  stop(): Promise<void>
}

/**
 * Starts the whole: database, migrations, admin client, HTTP.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE, ERR_STORAGE_UNAVAILABLE, ERR_CONFIGURATION (the port is taken)
 */
export async function startService(config: Config, logger: Logger = createLogger()): Promise<Service> {
  const report = (err: unknown) => logger.error({ err }, 'unexpected error')
  const opened: (() => Promise<void>)[] = []
  const stop = once(() => closeAll(opened))
  try {
    const clock = () => new Date()
    const { database, clients, tokens } = await openTokenService(config, {
      clock,
      onIdleError: (err) => logger.warn({ err }, 'an idle database connection broke'),
    })
    opened.push(database.close)
    opened.push(startRetention(database, { revocationDays: config.revocationDays, clock, onFault: report }))

    const readiness = createReadiness(database)
    const schema = createSchema({ directives: config.federationDirectives })
    const handler = createHandler({
      schema,
      tokens,
      report,
      assertReady: readiness.assert,
      publicUrl: config.publicUrl,
    })
    const fastPath = createFastPath({ schema, tokens, report })
    const server = await startServer({ handler, fastPath, report, port: config.port, host: config.host })
    opened.push(server.stop, async () => tokens.endStreams(), readiness.end)

    // Last, because a secret that was made and then not shown is lost.
    const newAdminSecret = await ensureAdmin(clients, config.adminSecret)
    return { url: `${server.origin}/graphql`, database: database.description, newAdminSecret, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Closes in reverse order, each even if one before it failed. */
async function closeAll(opened: readonly (() => Promise<void>)[]): Promise<void> {
  const faults: unknown[] = []
  for (const close of opened.toReversed()) await close().catch((fault: unknown) => faults.push(fault))
  if (faults.length > 0) throw new AggregateError(faults, 'Not everything could be closed')
}

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

/** Answers the secret if it was made just now. */
async function ensureAdmin(clients: ClientStore, configured: string | undefined): Promise<string | undefined> {
  const secret = configured ?? mintClientSecret()
  const admin = { id: 'admin', secretDigest: digestClientSecret(secret), scopes: adminScopes }
  if (configured === undefined) return (await clients.addFirstClient(admin)) ? secret : undefined
  await clients.putClient(admin)
  return undefined
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}
