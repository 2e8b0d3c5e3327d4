/**
 * Liveness: the process answers. It does not depend on the database, because then a cluster would restart this process
 * when the database is down.
 */
export function createHealthHandler(): () => Promise<Response> {
  return async () => json(200, { status: 'alive' })
}

/**
 * Readiness: the database answers and its tables exist. A process that is stopping is not ready, so that no new
 * requests are sent to it.
 */
export function createReadyHandler(assertReady: () => Promise<void>): () => Promise<Response> {
  return async () => {
    try {
      await assertReady()
      return json(200, { status: 'ready' })
    } catch {
      return json(503, { status: 'not ready' })
    }
  }
}

function json(status: number, body: { readonly status: string }): Response {
  return Response.json(body, { status, headers: { 'cache-control': 'no-store' } })
}
