import type { EmitEvent } from '../events/events.ts'

/**
 * Liveness: the process answers. It does not depend on the database, because then a cluster would restart this process
 * when the database is down.
 */
export function createHealthHandler(): () => Promise<Response> {
  return async () => json(200, { status: 'alive' })
}

interface ReadinessDependencies {
  readonly assertReady: () => Promise<void>
  readonly emit: EmitEvent
}

/**
 * Readiness: the database answers and its tables exist. A process that is stopping is not ready, so that no new
 * requests are sent to it.
 */
export function createReadyHandler({ assertReady, emit }: ReadinessDependencies): () => Promise<Response> {
  return async () => {
    try {
      await assertReady()
      return json(200, { status: 'ready' })
    } catch (error) {
      emit({ name: 'not_ready', error })
      return json(503, { status: 'not ready' })
    }
  }
}

function json(status: number, body: { readonly status: string }): Response {
  return Response.json(body, { status, headers: { 'cache-control': 'no-store' } })
}
