import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
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
const ways: readonly (readonly [name: string, handler: Handler])[] = [
  ['a server', (request) => fetch(new Request(request.url.replace('http://localhost', server.origin), request))],
  ['a handler that is mounted elsewhere', mounted],
]

const fast = { 'content-type': 'application/json', accept: 'application/json' }
const full = { 'content-type': 'application/json; charset=utf-8', accept: 'application/graphql-response+json' }
type Headers = Readonly<Record<string, string>>

const post = (body: unknown, headers: Headers = fast) =>
  new Request('http://localhost/graphql', { method: 'POST', headers, body: JSON.stringify(body) })
const get = (parameters: Readonly<Record<string, string>>, headers: Headers = full) =>
  new Request(`http://localhost/graphql?${new URLSearchParams(parameters)}`, { headers })

const extensions = { persistedQuery: { version: 1, sha256Hash: 'aa' } }
const inUrl = JSON.stringify(extensions)
const notSupported = {
  errors: [
    { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
    { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
  ],
}

describe.each(ways)('by %s', (_way, handler) => {
  test.each<[name: string, request: () => Request]>([
    ['no query', () => post({ extensions })],
    ['no query, with all that Apollo Client sends', () => post({ operationName: 'A', variables: {}, extensions })],
    ['a query of null', () => post({ query: null, extensions })],
    ['an empty query', () => post({ query: '', extensions })],
    ['no query, by the headers of the full path', () => post({ extensions }, full)],
    ['an empty query, by the headers of the full path', () => post({ query: '', extensions }, full)],
    ['no query by GET', () => get({ extensions: inUrl })],
    [
      'no query by GET, with all that Apollo Client sends',
      () => get({ operationName: 'A', variables: '{}', extensions: inUrl }),
    ],
    ['an empty query by GET', () => get({ query: '', extensions: inUrl })],
    ['no query by GET, for JSON', () => get({ extensions: inUrl }, { accept: 'application/json' })],
    ['another version', () => post({ extensions: { persistedQuery: { version: 2, sha256Hash: 'aa' } } })],
    ['credentials that are wrong', () => post({ extensions }, { ...fast, authorization: 'Basic YTpi' })],
  ])('a hash with %s is answered so that the client sends the document', async (_name, request) => {
    const answer = await handler(request())

    expect([answer.status, await answer.json()]).toEqual([200, notSupported])
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('a hash is answered as a stream of events to a client that accepts nothing else', async () => {
    const answer = await handler(post({ extensions }, { ...fast, accept: 'text/event-stream' }))

    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain(`data: ${JSON.stringify(notSupported)}`)
  })

  test.each([1, 3])('a list of %i hashes is answered by a list of the same length', async (count) => {
    const answer = await handler(post(Array(count).fill({ extensions })))

    expect([answer.status, await answer.json()]).toEqual([200, Array(count).fill(notSupported)])
  })

  const document = '{ __typename }'
  test.each<[name: string, request: () => Request]>([
    ['by POST', () => post({ query: document, extensions })],
    ['by POST, by the headers of the full path', () => post({ query: document, extensions }, full)],
    ['by GET', () => get({ query: document, extensions: inUrl })],
    ['without a hash in the extension', () => post({ query: document, extensions: { persistedQuery: {} } })],
  ])('a hash with its document is accepted, and the hash is ignored, %s', async (_name, request) => {
    const answer = await handler(request())

    expect([answer.status, await answer.json()]).toEqual([200, { data: { __typename: 'Query' } }])
  })

  test.each<[name: string, request: () => Request]>([
    ['no extension', () => post({ query: '' }, full)],
    ['an empty extension', () => post({ extensions: {} })],
    ['an extension of null', () => post({ extensions: { persistedQuery: null } })],
    ['an extension that is text', () => post({ extensions: { persistedQuery: 'aa' } })],
    ['no hash', () => post({ extensions: { persistedQuery: { version: 1 } } })],
    ['a hash that is a number', () => post({ extensions: { persistedQuery: { version: 1, sha256Hash: 1 } } })],
    ['white space as its query', () => post({ query: ' ', extensions }, full)],
    ['a query that is a number', () => post({ query: 0, extensions })],
    ['no hash in one of a list', () => post([{ extensions }, {}])],
    ['a document in one of a list', () => post([{ extensions }, { query: document, extensions }])],
    ['an empty list', () => post([])],
    ['no hash by GET', () => get({ extensions: '{}' })],
  ])('a request with %s is refused as before', async (_name, request) => {
    const answer = await handler(request())

    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('"code":"BAD_USER_INPUT"')
  })
})

describe.each([false, true])('Apollo Client with persisted queries, by GET: %s', (useGETForHashedQueries) => {
  test('gets its answers, and sends no more hashes after the first', async () => {
    const bodies: string[] = []
    const link = new PersistedQueryLink({ sha256: async () => 'aa', useGETForHashedQueries })
    const recordingFetch: typeof fetch = (url, init) => {
      bodies.push(String(init?.body ?? url))
      return fetch(url, init)
    }
    const http = new HttpLink({ uri: `${server.origin}/graphql`, fetch: recordingFetch })
    const client = new ApolloClient({ link: link.concat(http), cache: new InMemoryCache() })
    const ask = () => client.query({ query: gql('{ __typename }'), fetchPolicy: 'network-only' })

    const answers = [await ask(), await ask()]

    expect(answers.map(({ data }) => data)).toEqual(Array(2).fill({ __typename: 'Query' }))
    expect(bodies.map((body) => body.includes('persistedQuery'))).toEqual([true, false, false])
  })
})

/** What each client looks for in the errors of an answer, as its source has it, before it sends the document. */
test.each<[client: string, sendsDocument: (errors: typeof notSupported.errors) => boolean]>([
  ['urql', (errors) => errors.some(({ message }) => message === 'PersistedQueryNotSupported')],
  ['Apollo Router', ([first]) => first?.message === 'PersistedQueryNotSupported'],
  ['Apollo Gateway', (errors) => errors.some(({ message }) => message === 'PersistedQueryNotFound')],
  [
    'Hive Gateway’s executor',
    (errors) => errors.some((error) => error.extensions.code === 'PERSISTED_QUERY_NOT_FOUND'),
  ],
  ['Apollo iOS', (errors) => errors.map(({ message }) => message).includes('PersistedQueryNotFound')],
  ['Apollo Kotlin', (errors) => errors.some(({ message }) => /^persistedQueryNotFound$/i.test(message))],
])('%s finds the error that makes it send the document', async (_client, sendsDocument) => {
  const { errors } = await (await mounted(post({ extensions }))).json()

  expect(sendsDocument(errors)).toBe(true)
})
