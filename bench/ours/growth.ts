import type { Contender } from '../contender.ts'
import { createHttpContender, type Requests } from '../load/http-contender.ts'
import { lazy, type Stage } from '../stage.ts'
import type { TokenDatabases } from './databases.ts'
import { appendingTo, introspections, invalidations } from './requests.ts'
import { startOurs } from './service.ts'

/** All tokens of the small table; of the large one as many, spread over the whole of it. */
const asked = 10_000

export interface Grown {
  readonly invalidate: Contender
  readonly introspect: Contender
}

/** Our verbs on a table with so many pairs: a round ends when the same number of tokens is used up in each. */
export function createGrown(stage: Stage, databases: TokenDatabases, pairs: number): Grown {
  const size = pairs.toLocaleString('en')
  const opened = lazy(async () => {
    const database = await databases.copy(`grown_${pairs}`, pairs)
    return { ...database, server: await startOurs(stage, database.url) }
  })
  const server = async () => (await opened()).server
  return {
    invalidate: createHttpContender(stage, {
      name: `invalidateToken, ${size} pairs`,
      connections: 64,
      server,
      requests: async (ours) => {
        const { client, accessTokens } = await opened()
        const { take, rewind } = replayable(accessTokens.slice(0, asked))
        const revive = async () => {
          await client.query('truncate revocations')
          rewind()
        }
        return appendingTo('revocations', client, { ...invalidations(ours, take, 'anonymous'), begin: revive })
      },
    }),
    introspect: createHttpContender(stage, {
      name: `introspectToken, ${size} pairs`,
      connections: 64,
      server,
      requests: async (ours): Promise<Requests> => {
        const { client, accessTokens } = await opened()
        const begin = async () => void (await client.query('truncate revocations'))
        return { ...introspections(ours, accessTokens.slice(0, asked)), begin }
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
