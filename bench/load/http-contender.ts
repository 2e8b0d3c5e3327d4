import type { Contender, Sample } from '../contender.ts'
import type { Stage } from '../stage.ts'
import type { Answer } from './connection.ts'
import { runLoad } from './load.ts'
import { cpuMicros, peakMb, postgresMicros } from './meter.ts'
import type { Server } from './server.ts'

/** The requests of one kind, and what tells their answers right from wrong. */
export interface Requests {
  /** The next one; undefined when there is nothing left to ask about. */
  next(): string | undefined
  isRight(answer: Answer): boolean
  /** Before each round, outside of what is measured. */
  begin?(): Promise<void>
  /** Looks in the database whether what was acknowledged is so; called with the number of right answers in the round. */
  verify?(count: number): Promise<void>
}

export interface HttpContender {
  readonly name: string
  readonly connections: number
  readonly server: () => Promise<Server>
  readonly requests: (server: Server) => Promise<Requests>
  /** Each round ends after so many a second, so that what must be fresh can be seeded beforehand. */
  readonly mostPerSecond?: number
}

/** A contender that is asked over HTTP, with the CPU of its process and of PostgreSQL per request. */
export function createHttpContender(stage: Stage, http: HttpContender): Contender {
  let asked: { readonly server: Server; readonly requests: Requests } | undefined
  return {
    name: http.name,
    prepare: async () => {
      const server = await http.server()
      asked ??= { server, requests: await http.requests(server) }
    },
    run: async (seconds) => {
      if (asked === undefined) throw new Error(`${http.name} was not prepared`)
      const { server, requests } = asked
      const next = limit(requests.next, Math.ceil(seconds * (http.mostPerSecond ?? Number.POSITIVE_INFINITY)))
      await requests.begin?.()
      const usedBefore = used(stage, server)
      const { origin } = server
      const { isRight } = requests
      const { count, ...speed } = await runLoad({ origin, connections: http.connections, seconds, next, isRight })
      const usedAfter = used(stage, server)
      if (count === 0) throw new Error(`${http.name} ran out of requests: more must be seeded`)
      await requests.verify?.(count)
      return {
        ...speed,
        serverMicros: (usedAfter.serverMicros - usedBefore.serverMicros) / count,
        postgresMicros: (usedAfter.postgresMicros - usedBefore.postgresMicros) / count,
        peakMb: peakMb(server.pid),
      } satisfies Sample
    },
  }
}

function used({ postgres }: Stage, { pid }: Server) {
  return { serverMicros: cpuMicros(pid), postgresMicros: postgresMicros(postgres.pid) }
}

function limit(next: () => string | undefined, most: number): () => string | undefined {
  let count = 0
  return () => (count++ < most ? next() : undefined)
}
