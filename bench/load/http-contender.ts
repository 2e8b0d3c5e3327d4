import type { Contender, Sample } from '../contender.ts'
import type { BenchContext } from '../context.ts'
import type { Answer } from './connection.ts'
import { runLoad } from './load.ts'
import { cpuMicros, peakMb, postgresMicros } from './meter.ts'
import type { Server } from './server.ts'

/** The requests of one kind, and the check of their answers. */
export interface Requests {
  /** The next request; undefined when there are no more. */
  next(): string | undefined
  isExpected(answer: Answer): boolean
  /** Called before each round, and not measured. */
  begin?(): Promise<void>
  /** Called after each round with the number of its answers: checks in the database that what they say was done. */
  verify?(count: number): Promise<void>
}

export interface HttpContender {
  readonly name: string
  readonly connections: number
  readonly server: () => Promise<Server>
  readonly requests: (server: Server) => Promise<Requests>
  /** A round ends after this many requests per second of its length, so that enough unused tokens can be seeded. */
  readonly mostPerSecond?: number
}

/** A contender that is called over HTTP. It also measures the CPU time of its process and of PostgreSQL per request. */
export function createHttpContender(context: BenchContext, http: HttpContender): Contender {
  let opened: { readonly server: Server; readonly requests: Requests } | undefined
  return {
    name: http.name,
    prepare: async () => {
      const server = await http.server()
      opened ??= { server, requests: await http.requests(server) }
    },
    run: async (seconds) => {
      if (opened === undefined) throw new Error(`${http.name} was not prepared`)
      const { server, requests } = opened
      const next = limit(requests.next, Math.ceil(seconds * (http.mostPerSecond ?? Number.POSITIVE_INFINITY)))
      await requests.begin?.()
      const usedBefore = used(context, server)
      const { origin } = server
      const { isExpected } = requests
      const { count, ...speed } = await runLoad({ origin, connections: http.connections, seconds, next, isExpected })
      const usedAfter = used(context, server)
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

function used({ postgres }: BenchContext, { pid }: Server) {
  return { serverMicros: cpuMicros(pid), postgresMicros: postgresMicros(postgres.pid) }
}

function limit(next: () => string | undefined, most: number): () => string | undefined {
  let count = 0
  return () => (count++ < most ? next() : undefined)
}
