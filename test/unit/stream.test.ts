import { expect, test } from 'vitest'
import { createHandler } from '../../src/http/handler.ts'
import { Stream } from '../../src/tokens/live/stream.ts'
import type { FeedEvent } from '../../src/tokens/live/subscriptions.ts'
import { subscribe } from '../support/event-stream.ts'
import { noTokens } from '../support/no-tokens.ts'

const query = 'subscription { revocationFeed { cursor revocations { id } } }'
const reports: unknown[] = []
const handlerOf = (source: () => AsyncIterableIterator<FeedEvent>) =>
  createHandler({
    tokens: { ...noTokens, followRevocations: async () => source() },
    assertReady: async () => undefined,
    emit: (event) => reports.push(event),
  })
const event = { cursor: 'c', revocations: [], hasGap: false, epoch: '1' }

test('a stream that fails sends an error without details, and completes', async () => {
  const stream = await subscribe(
    handlerOf(async function* () {
      yield event
      throw new Error('select secret from clients')
    }),
    { query },
  )

  expect((await stream.next()).data.revocationFeed.cursor).toBe('c')
  expect((await stream.next()).errors).toEqual([
    expect.objectContaining({ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }),
  ])
  expect(await stream.next()).toBe('complete')
  expect(reports).toEqual([{ name: 'unexpected_error', error: new Error('select secret from clients') }])
})

test('an event that cannot be resolved sends an error without details, and the stream continues', async () => {
  const stream = await subscribe(
    handlerOf(async function* () {
      yield {
        ...event,
        get revocations(): never {
          throw new Error('select secret from clients')
        },
      }
      yield event
    }),
    { query },
  )

  const broken = await stream.next()
  expect(broken.errors[0]).toMatchObject({ message: 'Unexpected error.', path: ['revocationFeed', 'revocations'] })
  expect(JSON.stringify(broken)).not.toContain('secret')
  expect((await stream.next()).data.revocationFeed.cursor).toBe('c')
})

test('pings keep an idle stream open, and its source ends when the client disconnects', async () => {
  const source = new Stream<FeedEvent>()
  source.begin(
    (async function* () {
      while (!source.isOver) await source.wait()
      yield event
    })(),
  )
  const handler = handlerOf(() => source)
  const response = await handler(
    new Request('http://localhost/graphql', {
      method: 'POST',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    }),
  )
  const reader = response.body?.getReader() ?? expect.unreachable()

  for (let pings = 0; pings < 2; pings++) expect(new TextDecoder().decode((await reader.read()).value)).toBe(':\n\n')
  await reader.cancel()

  expect(source.isOver).toBe(true)
})
