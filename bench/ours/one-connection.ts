import type { Contender, Sample } from '../contender.ts'
import { createHttpContender } from '../load/http-contender.ts'
import { summarise } from '../load/load.ts'
import { lazy, type Stage } from '../stage.ts'
import type { TokenDatabase, TokenDatabases } from './databases.ts'
import { createStatementWriter, runStatements, type Statements } from './inside.ts'
import { appendingTo, introspections, invalidations, type TakeToken, takeFrom } from './requests.ts'
import { startOurs } from './service.ts'

type Alone = 'invalidate' | 'introspect' | 'invalidateStatement' | 'introspectStatement'

const kept = 5_000

/** Our verbs with one request in flight, and their bare statements, one at a time on one connection of `pg`. */
export function createAlone(stage: Stage, databases: TokenDatabases): Readonly<Record<Alone, Contender>> {
  const opened = lazy(async () => {
    const database = await databases.copy('alone', stage.options.pairs)
    return { ...database, take: takeFrom(database.accessTokens.slice(kept)) }
  })
  const server = lazy(async () => startOurs(stage, (await opened()).url))
  const statements = createStatementWriter()
  return {
    invalidate: createHttpContender(stage, {
      name: 'invalidateToken, alone',
      connections: 1,
      server,
      requests: async (ours) => {
        const { client, take } = await opened()
        return appendingTo('revocations', client, invalidations(ours, take, 'anonymous'))
      },
    }),
    introspect: createHttpContender(stage, {
      name: 'introspectToken, alone',
      connections: 1,
      server,
      requests: async (ours) => introspections(ours, (await opened()).accessTokens.slice(0, kept)),
    }),
    invalidateStatement: {
      name: 'pg alone: invalidation',
      prepare: opened,
      run: async (seconds) => {
        const { take, ...database } = await opened()
        return timeStatements(database, seconds, nextOf(take, statements.invalidate))
      },
    },
    introspectStatement: {
      name: 'pg alone: introspection',
      prepare: opened,
      run: async (seconds) => {
        const database = await opened()
        return timeStatements(database, seconds, nextOf(takeFrom(database.accessTokens), statements.find))
      },
    },
  }
}

function nextOf(take: TakeToken, write: (token: string) => Promise<Statements>): () => Promise<Statements> {
  return async () => {
    const token = take()
    if (token === undefined) throw new Error('There are no tokens left: more must be seeded')
    return write(token)
  }
}

/** Writing the statement is not timed, running it is. */
async function timeStatements(
  { ownClient }: Pick<TokenDatabase, 'ownClient'>,
  seconds: number,
  next: () => Promise<Statements>,
): Promise<Sample> {
  const tookMs: number[] = []
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  while (performance.now() < endsAt) {
    const statements = await next()
    const sentAt = performance.now()
    await runStatements(ownClient, statements)
    tookMs.push(performance.now() - sentAt)
  }
  const { count, ...speed } = summarise(tookMs, tookMs.reduce((sum, ms) => sum + ms, 0) / 1000)
  return speed
}
