import { print } from 'graphql'
import { createClient } from 'graphql-sse'
import type { Login } from './login.ts'
import { TokenInvalidatedDocument, WhoAmIDocument } from './operations.ts'
import type { Connection } from './page.ts'

/**
 * Logs the page out as soon as its login is ended elsewhere. Call it after each `login.begin`.
 *
 * It subscribes by server-sent events. When the stream completes, for whatever reason, it sends one query to learn the
 * state of the login. If only the access token has expired or was invalidated, the query renews it, and it subscribes
 * again. If the login is over, the listeners of `login.onEnd` are notified. While the service cannot be reached, it
 * tries again every `pauseMs`. It ends with the login.
 */
export function followLogin(
  endpoint: string,
  { query }: Connection<unknown>,
  login: Login,
  pauseMs = 5000,
): Promise<void> {
  let isOver = false
  const stopListening = login.onEnd(() => {
    isOver = true
    stopListening()
    events.dispose()
  })
  const events = createClient({
    url: endpoint,
    headers: () => ({ Authorization: `Bearer ${login.accessToken()}` }),
    retryAttempts: 0,
  })

  async function readStream(): Promise<void> {
    for await (const { errors } of events.iterate({ query: print(TokenInvalidatedDocument) }))
      if (errors) throw new AggregateError(errors)
  }

  async function follow(): Promise<void> {
    while (!isOver) {
      const streamFailed = await fails(readStream())
      const queryFailed = await fails(query(WhoAmIDocument, {}))
      if (!isOver && (streamFailed || queryFailed)) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  return follow()
}

function fails(attempt: Promise<unknown>): Promise<boolean> {
  return attempt.then(
    () => false,
    () => true,
  )
}
