import type { FastifyInstance } from 'fastify'
import type { Guard, KnownToken } from '../../src/guard/index.ts'

declare module 'fastify' {
  interface FastifyRequest {
    token: KnownToken | undefined
  }
}

/** Fastify 5: `guardFastify(app, guard)`. A handler finds the token at `request.token`. */
export function guardFastify(app: FastifyInstance, guard: Guard): void {
  app.decorateRequest('token', undefined)
  app.addHook('onRequest', async (request, reply) => {
    const admission = await guard.admit(request.headers.authorization)
    if (!admission.ok) return reply.code(admission.status).headers(admission.headers).send(admission.body)
    request.token = admission.token
    return undefined
  })
}
