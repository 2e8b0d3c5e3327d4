import type { RequestFacts } from './admission.ts'
import { contextOfRequest } from './request-context.ts'
import { createRoutes, type RoutesDependencies } from './routes.ts'

export type { RoutesDependencies as HandlerDependencies } from './routes.ts'

/** What a server that mounts the handler knows of a request. */
export interface MountedRequest {
  /** The address of the client. */
  readonly address?: string | undefined
}

/** Answers a request, whatever happens. */
export type Handler = (request: Request, known?: MountedRequest) => Promise<Response>

/** The whole service as one fetch handler, to mount in any server. */
export function createHandler(dependencies: RoutesDependencies): Handler {
  const { admit, answer } = createRoutes(dependencies)
  return async (request, { address } = {}) => {
    const refusal = admit?.(factsOf(request))
    if (refusal === undefined) return answer(request, contextOfRequest(request, address))
    const { status, headers, body } = refusal
    // No body at all if it is empty: a status like 204 may have none, and the answer to HEAD has none.
    return new Response(request.method === 'HEAD' ? null : body || null, { status, headers })
  }
}

function factsOf({ method, url, headers }: Request): RequestFacts {
  return { method, path: new URL(url).pathname, header: (name) => headers.get(name) ?? undefined }
}
