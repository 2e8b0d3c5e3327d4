import type { Contender, Sample } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { createHttpContender } from '../load/http-contender.ts'
import { summarise } from '../load/load.ts'
import type { TokenDatabase, TokenDatabases } from './databases.ts'
import { createStatementWriter, runStatements, type Statements } from './inside.ts'
import { appendingTo, introspections, invalidations, type TakeToken, takeFrom } from './requests.ts'
import { startService } from './service.ts'

type SingleConnection = 'invalidate' | 'introspect' | 'invalidateStatement' | 'introspectStatement'

/** The first tokens are introspected, so they must not be ended. */
const introspected = 5_000

/** The service's verbs with one request in flight, and their statements alone, one at a time on one `pg` connection. */
export function createSingleConnection(
  context: BenchContext,
  databases: TokenDatabases,
): Readonly<Record<SingleConnection, Contender>> {
  const opened = lazy(async () => {
    const database = await databases.create('one_connection', context.options.pairs)
    return { ...database, take: takeFrom(database.accessTokens.slice(introspected)) }
  })
  const server = lazy(async () => startService(context, (await opened()).url, databases.build))
  const statements = createStatementWriter()
  return {
    invalidate: createHttpContender(context, {
      name: 'invalidateToken, one connection',
      connections: 1,
      server,
      requests: async (service) => {
        const { client, take } = await opened()
        return appendingTo('revocations', client, invalidations(service, take, 'anonymous'))
      },
    }),
    introspect: createHttpContender(context, {
      name: 'introspectToken, one connection',
      connections: 1,
      server,
      requests: async (service) => introspections(service, (await opened()).accessTokens.slice(0, introspected)),
    }),
    invalidateStatement: {
      name: 'bare pg: invalidation',
      prepare: opened,
      run: async (seconds) => {
        const { take, ...database } = await opened()
        return timeStatements(database, seconds, nextOf(take, statements.invalidate))
      },
    },
    introspectStatement: {
      name: 'bare pg: introspection',
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

/** Only running a statement is timed, and not writing it. */
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
