import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { createHttpContender, type Requests } from '../load/http-contender.ts'
import { openClient, type TokenDatabases } from './databases.ts'
import { emptyExpiredPairs } from './inside.ts'
import { appendingTo, invalidations, takeFrom } from './requests.ts'
import { insertExpired } from './seed.ts'
import { startService } from './service.ts'

export interface Retention {
  /** The table also has as many expired pairs, and they stay during the load. */
  readonly without: Contender
  /** The expired pairs are deleted shortly after the load begins. */
  readonly during: Contender
}

/** Invalidations under load, while as many expired pairs as there are live ones are deleted. */
export function createRetention(context: BenchContext, databases: TokenDatabases): Retention {
  const { pairs } = context.options
  const opened = lazy(async () => {
    const database = await databases.create('retention', pairs)
    const server = await startService(context, database.url)
    return {
      ...database,
      server,
      take: takeFrom(database.accessTokens),
      second: await openClient(context, database.url),
    }
  })
  const contender = (name: string, isDuring: boolean) =>
    createHttpContender(context, {
      name,
      connections: 64,
      mostPerSecond: 12_000,
      server: async () => (await opened()).server,
      requests: async (server): Promise<Requests> => {
        const { client, second, take } = await opened()
        const requests = appendingTo('revocations', client, invalidations(server, take, 'anonymous'))
        let emptying: Promise<void> | undefined
        return {
          ...requests,
          begin: async () => {
            await insertExpired(second, pairs)
            await requests.begin?.()
            if (isDuring) emptying = sleep(300).then(() => emptyExpiredPairs(second))
          },
          verify: async (count) => {
            await (isDuring ? emptying : emptyExpiredPairs(second))
            await requests.verify?.(count)
          },
        }
      },
    })
  return {
    without: contender('invalidateToken, no retention', false),
    during: contender('invalidateToken, during retention', true),
  }
}
