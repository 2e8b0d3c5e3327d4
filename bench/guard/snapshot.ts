import { setTimeout as sleep } from 'node:timers/promises'
import { fromService } from '../../src/guard/from-service.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { cpuMicros } from '../load/meter.ts'
import type { TokenDatabases } from '../ours/databases.ts'
import { adminCredentials, startService } from '../ours/service.ts'

const revocations = 1_000_000
/** Longer than new guards share a snapshot. */
const unsharedMs = 5_500

/** New guards of a service with a million live revocations, made over the last hour. */
export function createSnapshots(context: BenchContext, databases: TokenDatabases): (guards: number) => Contender {
  const opened = lazy(async () => {
    const database = await databases.create('guard_snapshot', 10_000)
    context.progress.say('inserting a million revocations')
    await database.client.query(`
      insert into revocations (revision, selector, pair_id, session_id, at, caller, invalidated, previously_invalidated)
      select nextval('revision'), 'access_token', 1000000 + id * 10, 1000000 + id * 10,
        now() - make_interval(secs => 3600 - id * 3600.0 / ${revocations}), 'client:bench', 1, 0
      from generate_series(1, ${revocations}) id`)
    await database.client.query('vacuum (freeze, analyze) revocations')
    return { ...database, server: await startService(context, database.url) }
  })
  return (guards) => ({
    name: `guard: ${guards === 1 ? 'a new guard' : `${guards} new guards`} with a million revocations`,
    prepare: opened,
    run: async () => {
      const { server } = await opened()
      await sleep(unsharedMs)
      let bytes = 0
      const source = fromService({
        ...adminCredentials,
        url: new URL('/graphql', server.origin).href,
        fetch: async (input, init) => {
          const answer = await fetch(input, init)
          const counted = answer.body?.pipeThrough(
            new TransformStream<Uint8Array, Uint8Array>({
              transform(piece, controller) {
                bytes += piece.byteLength
                controller.enqueue(piece)
              },
            }),
          )
          return new Response(counted ?? null, answer)
        },
      })
      const cpuBefore = cpuMicros(server.pid)
      const startedAt = performance.now()
      const started = Array.from({ length: guards }, () => createGuard({ source }))
      await Promise.all(started.map((guard) => guard.ready({ withinMs: 120_000 })))
      const startMs = performance.now() - startedAt
      const cpuMs = (cpuMicros(server.pid) - cpuBefore) / 1000
      for (const { status } of started)
        if (status.entries.tokens < revocations) throw new Error(`A guard knows only ${status.entries.tokens}`)
      await Promise.all(started.map((guard) => guard.close()))
      return { startMs, cpuMs, bytes: bytes / guards }
    },
  })
}
