import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from '../contender.ts'
import { createHttpContender, type Requests } from '../load/http-contender.ts'
import { lazy, type Stage } from '../stage.ts'
import { openClient, type TokenDatabases } from './databases.ts'
import { emptyExpiredPairs } from './inside.ts'
import { appendingTo, invalidations, takeFrom } from './requests.ts'
import { insertExpired } from './seed.ts'
import { startOurs } from './service.ts'

export interface Retention {
  /** With as many expired pairs beside the live ones, which stay. */
  readonly without: Contender
  /** A moment after the load began, they leave. */
  readonly during: Contender
}

/** Invalidations under load, while as many expired pairs as there are live ones are let go. */
export function createRetention(stage: Stage, databases: TokenDatabases): Retention {
  const { pairs } = stage.options
  const opened = lazy(async () => {
    const database = await databases.copy('retention', pairs)
    const server = await startOurs(stage, database.url)
    return { ...database, server, take: takeFrom(database.accessTokens), second: await openClient(stage, database.url) }
  })
  const contender = (name: string, isDuring: boolean) =>
    createHttpContender(stage, {
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
