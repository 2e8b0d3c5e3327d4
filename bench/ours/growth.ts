import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { createHttpContender, type Requests } from '../load/http-contender.ts'
import type { TokenDatabases } from './databases.ts'
import { appendingTo, introspections, invalidations } from './requests.ts'
import { startService } from './service.ts'

/** All tokens of the small table, and the same number from the large table, spread over all of it. */
const tokensPerRound = 10_000

export interface Growth {
  readonly invalidate: Contender
  readonly introspect: Contender
}

/** The service's verbs on a table with this many pairs. On each size, a round ends after the same number of tokens. */
export function createGrowth(context: BenchContext, databases: TokenDatabases, pairs: number): Growth {
  const size = pairs.toLocaleString('en')
  const opened = lazy(async () => {
    const database = await databases.create(`grown_${pairs}`, pairs)
    return { ...database, server: await startService(context, database.url) }
  })
  const server = async () => (await opened()).server
  return {
    invalidate: createHttpContender(context, {
      name: `invalidateToken, ${size} pairs`,
      connections: 64,
      server,
      requests: async (service) => {
        const { client, accessTokens } = await opened()
        const { take, rewind } = replayable(accessTokens.slice(0, tokensPerRound))
        const begin = async () => {
          await client.query('truncate revocations')
          rewind()
        }
        return appendingTo('revocations', client, { ...invalidations(service, take, 'anonymous'), begin })
      },
    }),
    introspect: createHttpContender(context, {
      name: `introspectToken, ${size} pairs`,
      connections: 64,
      server,
      requests: async (service): Promise<Requests> => {
        const { client, accessTokens } = await opened()
        const begin = async () => void (await client.query('truncate revocations'))
        return { ...introspections(service, accessTokens.slice(0, tokensPerRound)), begin }
      },
    }),
  }
}

function replayable(tokens: readonly string[]) {
  let count = 0
  return {
    take: () => tokens[count++],
    rewind: () => {
      count = 0
    },
  }
}
