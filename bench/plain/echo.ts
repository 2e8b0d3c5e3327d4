import type { Contender } from '../contender.ts'
import { builtServer } from '../load/build.ts'
import { writePost } from '../load/connection.ts'
import { createHttpContender } from '../load/http-contender.ts'
import { type Server, startServer } from '../load/server.ts'
import { sampleBody } from '../ours/requests.ts'
import { lazy, type Stage } from '../stage.ts'

/** Bare node:http, answering the body of one of our own requests. */
export function createEcho(stage: Stage): (name: string, connections: number) => Contender {
  const server = lazy(async () =>
    stage.keep(await startServer({ name: 'echo', args: [builtServer('plain/echo-server.js')], environment: {} })),
  )
  return (name, connections) =>
    createHttpContender(stage, {
      name,
      connections,
      server,
      requests: async ({ origin }: Server) => {
        const request = writePost(origin, '/', 'application/json')(sampleBody)
        return { next: () => request, isRight: ({ status, body }) => status === 200 && body === sampleBody }
      },
    })
}
