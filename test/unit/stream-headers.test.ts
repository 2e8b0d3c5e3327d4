import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import type { RunningServer } from '../../src/server/server.ts'
import { noTokens } from '../support/no-tokens.ts'
import { startWithoutTokens } from '../support/raw.ts'

let server: RunningServer
beforeAll(async () => {
  server = await startWithoutTokens()
})
afterAll(() => server.stop())

const mounted = createHandler({ tokens: noTokens, assertReady: async () => undefined, emit: () => undefined })
const overHttp: Handler = (request) =>
  fetch(new Request(request.url.replace('http://localhost', server.origin), request))

const url = 'http://localhost/graphql'
const post = (accept: string, query: string, type = 'application/json') =>
  new Request(url, { method: 'POST', headers: { accept, 'content-type': type }, body: JSON.stringify({ query }) })
const get = (accept: string, query: string) => new Request(`${url}?query=${query}`, { headers: { accept } })

/** What Yoga writes in pieces. An open subscription has the same headers: test/engines/subscriptions.test.ts. */
const requests: readonly (readonly [name: string, request: () => Request])[] = [
  ['a result as events', () => post('text/event-stream', '{ __typename }')],
  ['a result as events, by the full path', () => post('text/event-stream', '{ __typename }', 'application/json; a=b')],
  ['a result as events, by GET', () => get('text/event-stream', '{__typename}')],
  ['an error as events', () => post('text/event-stream', '{ nothing }')],
  ['a malformed request as events', () => post('text/event-stream', '{')],
  ['a subscription that fails', () => post('text/event-stream', 'subscription { tokenInvalidated { id } }')],
  ['text of any kind', () => post('text/*', '{ __typename }')],
  ['a result in parts', () => post('multipart/mixed', '{ __typename }')],
  ['a result in parts, by GET', () => get('multipart/mixed', '{__typename}')],
  ['an error in parts', () => post('multipart/mixed', '{ nothing }')],
]

describe.each(requests)('%s', (_name, request) => {
  test('has no `Content-Encoding` from the server', async () => {
    const { headers, body } = await overHttp(request())
    await body?.cancel()

    expect(headers.has('content-encoding')).toBe(false)
  })

  test('has no header of a connection from the mounted handler, which does not know the connection', async () => {
    const answer = await mounted(request())
    await answer.text()

    const names = ['content-encoding', 'connection', 'transfer-encoding']
    expect(names.filter((name) => answer.headers.has(name))).toEqual([])
  })
})

test('events may not be transformed: a program that compresses them would hold them back', async () => {
  const answer = await mounted(post('text/event-stream', '{ __typename }'))
  await answer.text()

  expect(answer.headers.get('cache-control')).toBe('no-store, no-transform')
})
