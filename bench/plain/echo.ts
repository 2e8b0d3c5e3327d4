import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { builtServer } from '../load/build.ts'
import { writePost } from '../load/connection.ts'
import { createHttpContender } from '../load/http-contender.ts'
import { type Server, startServer } from '../load/server.ts'
import { sampleBody } from '../ours/requests.ts'

/** Bare node:http, which answers the body of an invalidation request with that body. */
export function createEcho(context: BenchContext): (name: string, connections: number) => Contender {
  const server = lazy(async () =>
    context.closeAtEnd(
      await startServer({ name: 'echo', args: [builtServer('plain/echo-server.js')], environment: {} }),
    ),
  )
  return (name, connections) =>
    createHttpContender(context, {
      name,
      connections,
      server,
      requests: async ({ origin }: Server) => {
        const request = writePost(origin, '/', 'application/json')(sampleBody)
        return { next: () => request, isExpected: ({ status, body }) => status === 200 && body === sampleBody }
      },
    })
}
