/** Alive: the process answers. Says nothing about the database, or a cluster would restart us for its sake. */
export function createHealthHandler(): () => Promise<Response> {
  return async () => json(200, { status: 'alive' })
}

/** Ready: the database answers and its tables are there. While stopping, not ready: no new request should come. */
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
