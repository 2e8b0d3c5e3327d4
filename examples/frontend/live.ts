import { print } from 'graphql'
import { createClient } from 'graphql-sse'
import type { Login } from './login.ts'
import { TokenInvalidatedDocument, WhoAmIDocument } from './operations.ts'
import type { Connection } from './page.ts'

/**
 * Has the page log out by itself as soon as its login was ended anywhere else. Call it after each `login.begin`.
 *
 * It listens by server-sent events. Whatever completes the stream, one question tells what has become of the login: if its
 * token has expired or was ended alone, it is renewed, and the listening goes on; if the login is over, `login.onEnd`
 * hears it. While the service can not be reached it tries again every `pauseMs`. Ends with the login.
 */
export function followLogin(
  endpoint: string,
  { query }: Connection<unknown>,
  login: Login,
  pauseMs = 5000,
): Promise<void> {
  let isOver = false
  const unlisten = login.onEnd(() => {
    isOver = true
    unlisten()
    events.dispose()
  })
  const events = createClient({
    url: endpoint,
    headers: () => ({ Authorization: `Bearer ${login.accessToken()}` }),
    retryAttempts: 0,
  })

  async function listen(): Promise<void> {
    for await (const { errors } of events.iterate({ query: print(TokenInvalidatedDocument) }))
      if (errors) throw new AggregateError(errors)
  }

  async function follow(): Promise<void> {
    while (!isOver) {
      const isCut = await fails(listen())
      const isUnanswered = await fails(query(WhoAmIDocument, {}))
      if (!isOver && (isCut || isUnanswered)) await new Promise((resolve) => setTimeout(resolve, pauseMs))
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
