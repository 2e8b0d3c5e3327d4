import type { Handler } from '../../src/http/handler.ts'

/** A GraphQL subscription over server-sent events, read one at a time. */
export interface EventStream {
  readonly status: number
  readonly headers: Headers
  /** The next result, or that it is complete. Waits for it; pings are passed over. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails when it is not there
  next(): Promise<any>
  /** Hangs up. */
  close(): Promise<void>
}

export interface SubscribeOptions {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
  readonly authorization?: string | undefined
  readonly method?: 'GET' | 'POST'
  readonly url?: string
}

/** By a handler, or by `fetch` from a service that runs. */
export async function subscribe(handler: Handler, options: SubscribeOptions): Promise<EventStream> {
  const { query, variables, authorization, method = 'POST', url = 'http://localhost/graphql' } = options
  const headers = new Headers({ accept: 'text/event-stream', 'content-type': 'application/json' })
  if (authorization !== undefined) headers.set('authorization', authorization)
  const request =
    method === 'POST'
      ? new Request(url, { method, headers, body: JSON.stringify({ query, variables }) })
      : new Request(`${url}?${new URLSearchParams({ query })}`, { headers })
  return readEvents(await handler(request))
}

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
