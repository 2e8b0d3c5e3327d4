import pg from 'pg'
import { type BenchContext, lazy } from '../context.ts'
import { migrate, plannerSettings } from './inside.ts'
import { type Seeded, seed } from './seed.ts'
import { type Build, checkout, migrateWith } from './service.ts'

/** A seeded database of the service, with connections to inspect it. */
export interface TokenDatabase extends Seeded {
  readonly client: pg.Client
  /** A connection with the same planner settings as the service's connections. */
  readonly ownClient: pg.Client
}

export interface TokenDatabases {
  /** Whose service is to run on these databases. */
  readonly build: Build
  /** A new database with this many pairs. */
  create(name: string, pairs: number): Promise<TokenDatabase>
}

/** Copies for the service of this checkout. Each size is seeded once, as a template. */
export function createTokenDatabases(context: BenchContext): TokenDatabases {
  const templates = new Map<number, () => Promise<Seeded>>()
  return {
    build: checkout,
    create: async (name, pairs) => {
      const template = templates.get(pairs) ?? lazy(() => seed(context, { name: `pairs_${pairs}`, pairs, migrate }))
      templates.set(pairs, template)
      const seeded = await template()
      context.progress.say(`copying ${seeded.name} to ${name}`)
      return connect(context, { ...seeded, name, url: await context.postgres.createDatabase(name, seeded.name) })
    },
  }
}

/**
 * Databases with the tables of a build, created by its own `migrate` command.
 *
 * Each is seeded by itself: that command marks a database as opened, and the service does not serve a copy of such a
 * database, because it takes the copy for a restored backup.
 */
export function createDatabasesOf(build: Build, context: BenchContext): TokenDatabases {
  const migrate = (url: string) => migrateWith(build, context, url)
  return {
    build,
    create: async (name, pairs) =>
      connect(context, await seed(context, { name: `${name}_${build.name}`, pairs, migrate })),
  }
}

async function connect(context: BenchContext, seeded: Seeded): Promise<TokenDatabase> {
  return {
    ...seeded,
    client: await openClient(context, seeded.url),
    ownClient: await openClient(context, seeded.url, plannerSettings),
  }
}

export async function openClient(context: BenchContext, url: string, options = ''): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, options })
  await client.connect()
  context.closeAtEnd({ close: () => client.end() })
  return client
}
