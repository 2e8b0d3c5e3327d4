import type { Refusal, RequestFacts } from './admission.ts'
import { completeAnswer } from './answer-headers.ts'
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
    const context = contextOfRequest(request, address)
    const refusal = admit?.(factsOf(request))
    const given = refusal === undefined ? await answer(request, context) : responseOf(refusal, request)
    return completeAnswer(given, context.id)
  }
}

/** No body at all if it is empty: a status like 204 may have none, and the answer to HEAD has none. */
function responseOf({ status, headers, body }: Refusal, { method }: Request): Response {
  return new Response(method === 'HEAD' ? null : body || null, { status, headers })
}

function factsOf({ method, url, headers }: Request): RequestFacts {
  return { method, path: new URL(url).pathname, header: (name) => headers.get(name) ?? undefined }
}
