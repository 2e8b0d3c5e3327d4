import pg from 'pg'
import { type BenchContext, lazy } from '../context.ts'
import { plannerSettings } from './inside.ts'
import { type Seeded, seed } from './seed.ts'

/** A seeded database of the service, with connections to inspect it. */
export interface TokenDatabase extends Omit<Seeded, 'name'> {
  readonly url: string
  readonly client: pg.Client
  /** A connection with the same planner settings as the service's connections. */
  readonly ownClient: pg.Client
}

export interface TokenDatabases {
  /** A new copy of a database with this many pairs. Each size is seeded once, as a template. */
  copy(name: string, pairs: number): Promise<TokenDatabase>
}

export function createTokenDatabases(context: BenchContext): TokenDatabases {
  const templates = new Map<number, () => Promise<Seeded>>()
  return {
    copy: async (name, pairs) => {
      const template =
        templates.get(pairs) ?? lazy(() => seed(context, `pairs_${pairs}`, { pairs, known: knownOf(pairs) }))
      templates.set(pairs, template)
      const { name: templateName, ...seeded } = await template()
      context.progress.say(`copying ${templateName} to ${name}`)
      const url = await context.postgres.createDatabase(name, templateName)
      return {
        ...seeded,
        url,
        client: await openClient(context, url),
        ownClient: await openClient(context, url, plannerSettings),
      }
    },
  }
}

/** Enough for two contenders at 12,000 a second over five rounds of 4 s and a warm-up. */
function knownOf(pairs: number): number {
  return Math.min(pairs, 530_000)
}

export async function openClient(context: BenchContext, url: string, options = ''): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, options })
  await client.connect()
  context.closeAtEnd({ close: () => client.end() })
  return client
}
