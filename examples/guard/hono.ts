import type { MiddlewareHandler } from 'hono'
import type { Guard, KnownToken } from '../../src/guard/index.ts'

/** Hono: `app.use(honoGuard(guard))`. A handler finds the token by `context.get('token')`. */
export function honoGuard(guard: Guard): MiddlewareHandler<{ Variables: { token: KnownToken | undefined } }> {
  return async (context, next) => {
    const admission = await guard.admit(context.req.header('authorization'))
    if (!admission.ok) return context.json(admission.body, admission.status, admission.headers)
    context.set('token', admission.token)
    return next()
  }
}
