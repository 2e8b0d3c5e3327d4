import type { RequestFacts } from './admission.ts'
import { createRoutes, type Handler, type RoutesDependencies } from './routes.ts'

export type { Handler, RoutesDependencies as HandlerDependencies } from './routes.ts'

/** The whole service as one fetch handler, to mount in any server. */
export function createHandler(dependencies: RoutesDependencies): Handler {
  const { admit, answer } = createRoutes(dependencies)
  if (admit === undefined) return answer
  return async (request) => {
    const refusal = admit(factsOf(request))
    if (refusal === undefined) return answer(request)
    const { status, headers, body } = refusal
    // No body at all if it is empty: a status like 204 may have none, and the answer to HEAD has none.
    return new Response(request.method === 'HEAD' ? null : body || null, { status, headers })
  }
}

function factsOf({ method, url, headers }: Request): RequestFacts {
  return { method, path: new URL(url).pathname, header: (name) => headers.get(name) ?? undefined }
}
