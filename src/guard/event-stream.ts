import { SourceError } from './source.ts'

/** A page of a snapshot has some 130 kB. What is longer is no event of the service. */
const longestEvent = 16_000_000

/** The data of server-sent events (HTML, "Server-sent events"), one text for each event of the type `next`. */
export async function* readNextEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      // What was read before has no end of an event in it, but may end in the middle of one.
      let from = Math.max(0, text.length - 1)
      text += decoder.decode(value, { stream: true })
      for (let end = text.indexOf('\n\n', from); end !== -1; end = text.indexOf('\n\n', from)) {
        const event = text.slice(0, end)
        text = text.slice(end + 2)
        from = 0
        if (event.startsWith('event: complete')) return
        const data = dataOf(event)
        if (data !== undefined) yield data
      }
      if (text.length > longestEvent) throw new SourceError('unreadable', 'The service sent an event that is too long')
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Undefined for a comment, as pings are. */
function dataOf(event: string): string | undefined {
  const lines = event.split('\n')
  if (!lines.includes('event: next')) return undefined
  return lines.find((line) => line.startsWith('data: '))?.slice('data: '.length)
}
