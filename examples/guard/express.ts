import type { RequestHandler } from 'express'
import type { Guard } from '../../src/guard/index.ts'

/** Express 5: `app.use(expressGuard(guard))`. A handler finds the token at `response.locals.token`. */
export function expressGuard(guard: Guard): RequestHandler {
  return async (request, response, next) => {
    const admission = await guard.admit(request.headers.authorization)
    if (!admission.ok) return void response.status(admission.status).set(admission.headers).json(admission.body)
    response.locals['token'] = admission.token
    next()
  }
}
