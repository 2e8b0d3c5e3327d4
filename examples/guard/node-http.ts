import type { RequestListener } from 'node:http'
import type { Guard, KnownToken } from '../../src/guard/index.ts'

/** node:http: `createServer(guarded(guard, (request, response) => …))`. */
export function guarded(
  guard: Guard,
  listener: (...given: [...Parameters<RequestListener>, KnownToken | undefined]) => void,
): RequestListener {
  return async (request, response) => {
    const admission = await guard.admit(request.headers.authorization)
    if (admission.ok) return listener(request, response, admission.token)
    const headers = { ...admission.headers, 'content-type': 'application/json' }
    response.writeHead(admission.status, headers).end(JSON.stringify(admission.body))
  }
}
