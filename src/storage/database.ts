import { mkdir } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import type { ExtractTablesWithRelations } from 'drizzle-orm'
import { sql } from 'drizzle-orm'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import pg from 'pg'
import { guardStorage } from './errors.ts'
import { lockFolder } from './folder-lock.ts'
import { migrateEmbedded, migratePostgres } from './migrate.ts'
import * as schema from './schema.ts'

/** Either engine, seen alike. */
export type Db = PgDatabase<PgQueryResultHKT, typeof schema, ExtractTablesWithRelations<typeof schema>>

export interface Database {
  readonly db: Db
  /** For people, without a password: what it is and where. */
  readonly description: string
  /** Resolves when the database answers a query now. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type DatabaseLocation =
  | { readonly kind: 'embedded'; readonly folder: string }
  | {
      readonly kind: 'postgres'
      readonly url: string
      /** Past any pooler: migrations lock a session, which a pooler would hand on to somebody else. */
      readonly directUrl: string
    }

type PostgresLocation = Extract<DatabaseLocation, { readonly kind: 'postgres' }>

export interface DatabaseOptions {
  /** Told about a connection that broke while nobody used it. */
  readonly onIdleError?: (error: Error) => void
}

/**
 * Opens the database and brings its tables up to date. The caller closes it.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE: another process has the embedded folder open
 */
export function openDatabase(location: DatabaseLocation, options: DatabaseOptions = {}): Promise<Database> {
  switch (location.kind) {
    case 'embedded':
      return openEmbedded(location.folder)
    case 'postgres':
      return openPostgres(location, options)
    default:
      return location satisfies never
  }
}

async function openEmbedded(folder: string): Promise<Database> {
  // PGlite writes its files readable for everybody; the folder around them is not.
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(folder)
  try {
    const engine = await PGlite.create(`${folder}/pglite`)
    await migrateEmbedded(engine)
    return embeddedDatabase(engine, `embedded PGlite in ${folder}`, lock.release)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Wraps an engine that is open and migrated. */
export function embeddedDatabase(
  engine: PGlite,
  description: string,
  release: () => Promise<void> = async () => {},
): Database {
  const db = drizzlePglite(engine, { schema })
  return {
    db,
    description,
    ping: async () => void (await db.execute(sql`select 1`)),
    close: async () => {
      await engine.close()
      await release()
    },
  }
}

async function openPostgres(location: PostgresLocation, options: DatabaseOptions): Promise<Database> {
  const { url, directUrl } = location
  await guardStorage(() => migratePostgres(directUrl))
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'invalidate-token',
    max: 10,
    connectionTimeoutMillis: 5_000,
    // A server that stops answering must not hold a request for ever; its outcome is then unknown, and said so.
    query_timeout: 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 1_000,
  })
  // Without a listener a restart of Postgres ends this process.
  pool.on('error', (error) => options.onIdleError?.(error))
  const db = drizzlePg(pool, { schema })
  return {
    db,
    description: `PostgreSQL at ${describeUrl(url)}`,
    ping: async () => void (await db.execute(sql`select 1`)),
    close: () => pool.end(),
  }
}

function describeUrl(url: string): string {
  const { hostname, port, pathname } = new URL(url)
  return `${hostname}:${port || '5432'}${pathname}`
}
