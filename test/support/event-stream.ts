/** A handler, or `fetch`. */
type Send = (request: Request) => Promise<Response>

/** A GraphQL subscription over server-sent events, read one event at a time. */
export interface EventStream {
  readonly status: number
  readonly headers: Headers
  /** Waits for the next result, or for `complete`. Skips pings. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails if that is missing
  next(): Promise<any>
  /** Closes the connection. */
  close(): Promise<void>
}

export interface SubscribeOptions {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
  readonly authorization?: string | undefined
  readonly method?: 'GET' | 'POST'
  readonly url?: string
}

/** Subscribes through a handler; `fetch` as the handler reaches a running service. */
export async function subscribe(send: Send, options: SubscribeOptions): Promise<EventStream> {
  const { query, variables, authorization, method = 'POST', url = 'http://localhost/graphql' } = options
  const headers = new Headers({ accept: 'text/event-stream', 'content-type': 'application/json' })
  if (authorization !== undefined) headers.set('authorization', authorization)
  const request =
    method === 'POST'
      ? new Request(url, { method, headers, body: JSON.stringify({ query, variables }) })
      : new Request(`${url}?${new URLSearchParams({ query })}`, { headers })
  return readEvents(await send(request))
}

/** Reads the body of a response as server-sent events. */
export function readEvents(response: Response): EventStream {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  return {
    status: response.status,
    headers: response.headers,
    async next() {
      for (;;) {
        const end = text.indexOf('\n\n')
        if (end === -1) {
          const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
          if (done) throw new Error(`The stream broke off after: ${text}`)
          text += decoder.decode(value, { stream: true })
          continue
        }
        const [event = '', data = ''] = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        if (event === 'event: complete') return 'complete'
        if (event === 'event: next') return JSON.parse(data.slice('data: '.length))
      }
    },
    close: async () => void (await reader?.cancel().catch(() => undefined)),
  }
}
