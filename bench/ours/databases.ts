import pg from 'pg'
import { lazy, type Stage } from '../stage.ts'
import { planning } from './inside.ts'
import { type Seeded, seed } from './seed.ts'

/** A database of our own kind, seeded, with a connection to look into it. */
export interface TokenDatabase extends Omit<Seeded, 'name'> {
  readonly url: string
  readonly client: pg.Client
  /** One that plans as the service's connections do. */
  readonly ownClient: pg.Client
}

export interface TokenDatabases {
  /** A fresh copy with so many pairs; each size is seeded once, in a template. */
  copy(name: string, pairs: number): Promise<TokenDatabase>
}

export function createTokenDatabases(stage: Stage): TokenDatabases {
  const templates = new Map<number, () => Promise<Seeded>>()
  return {
    copy: async (name, pairs) => {
      const template = templates.get(pairs) ?? lazy(() => seed(stage, `pairs_${pairs}`, { pairs, held: heldOf(pairs) }))
      templates.set(pairs, template)
      const { name: templateName, ...seeded } = await template()
      stage.progress.say(`copying ${templateName} to ${name}`)
      const url = await stage.postgres.createDatabase(name, templateName)
      return { ...seeded, url, client: await openClient(stage, url), ownClient: await openClient(stage, url, planning) }
    },
  }
}

/** Enough for two contenders at 12,000 a second over five rounds of 4 s and a warm-up. */
function heldOf(pairs: number): number {
  return Math.min(pairs, 530_000)
}

export async function openClient(stage: Stage, url: string, options = ''): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, options })
  await client.connect()
  stage.keep({ close: () => client.end() })
  return client
}
