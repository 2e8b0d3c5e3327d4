import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import { basic } from '../support/basic.ts'
import { admin, adminSecret, asAdmin, useTestService } from '../support/service.ts'

const service = useTestService()

type Environment = Readonly<Record<string, string>>

/** The service as these settings expose it. */
function serve(environment: Environment): Handler {
  const { exposure, rateLimits, maxQueryCost } = readConfig(environment)
  return createHandler({
    tokens: service.tokens,
    assertReady: service.database.ping,
    emit: service.emit,
    exposure,
    rateLimits,
    maxQueryCost,
  })
}

interface Sent {
  readonly query: string
  readonly authorization?: string
}

async function post({ query, authorization }: Sent, environment: Environment = { NODE_ENV: 'production' }) {
  const headers = { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) }
  const body = JSON.stringify({ query })
  return serve(environment)(new Request('http://localhost/graphql', { method: 'POST', headers, body }))
}

async function get(path: string, headers: Environment = {}, environment: Environment = { NODE_ENV: 'production' }) {
  return serve(environment)(new Request(`http://localhost${path}`, { headers }))
}

const introspection = 'query cop { __schema { types { name fields { name } } } }'
const repeated = (count: number, write: (index: number) => string) =>
  Array.from({ length: count }, (_, at) => write(at))
const asBrowser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

/** Each check of graphql-cop 1.15 (github.com/dolevf/graphql-cop): what it sends, and what it takes for a weakness. */
const checks: readonly (readonly [name: string, isWeak: () => Promise<boolean>])[] = [
  [
    'alias overloading',
    async () => {
      const answer = await post({ query: `query cop { ${repeated(101, (at) => `alias${at}: __typename`).join(' ')} }` })
      return (await answer.json()).data?.alias100 !== undefined
    },
  ],
  [
    'array-based query batching',
    async () => {
      const body = JSON.stringify(repeated(10, () => 'query cop { __typename }').map((query) => ({ query })))
      const headers = { 'content-type': 'application/json' }
      const answer = await serve({ NODE_ENV: 'production' })(
        new Request('http://localhost/graphql', { method: 'POST', headers, body }),
      )
      return Array.isArray(await answer.json())
    },
  ],
  [
    'directive overloading',
    async () => {
      const answer = await post({ query: `query cop { __typename ${'@aa'.repeat(10)} }` })
      return (await answer.json()).errors?.length === 10
    },
  ],
  [
    'circular introspection',
    async () => {
      const nested = 'fields { type { '.repeat(4)
      const answer = await post({ query: `query cop { __schema { types { ${nested} name ${'} } '.repeat(4)} } } }` })
      return (await answer.json()).data?.__schema?.types?.length > 0
    },
  ],
  [
    'field suggestions',
    async () => (await (await post({ query: 'query cop { __schema { directive } }' })).text()).includes('Did you mean'),
  ],
  [
    'a query by GET',
    async () => (await (await get('/graphql?query=query+cop+%7B__typename%7D')).json()).data?.__typename !== undefined,
  ],
  [
    'a mutation by GET',
    async () =>
      (await (await get('/graphql?query=mutation+cop+%7B__typename%7D')).json()).data?.__typename !== undefined,
  ],
  [
    'a form as POST',
    async () => {
      const body = new URLSearchParams({ query: 'query cop { __typename }' })
      const answer = await serve({ NODE_ENV: 'production' })(
        new Request('http://localhost/graphql', { method: 'POST', body }),
      )
      return (await answer.json()).data?.__typename !== undefined
    },
  ],
  [
    'GraphiQL',
    async () => {
      const paths = ['/', '/graphql', '/graphiql', '/playground', '/console', '/altair', '/explorer']
      const texts = await Promise.all(paths.map(async (path) => (await get(path, asBrowser)).text()))
      return /graphiql|graphql playground|graphql-playground/i.test(texts.join())
    },
  ],
  ['introspection', async () => (await (await post({ query: introspection })).json()).data?.__schema !== undefined],
  [
    'tracing',
    async () => (await (await post({ query: 'query cop { __typename }' })).json()).extensions?.tracing !== undefined,
  ],
  [
    'unhandled errors',
    async () => /exception|stack|\bat /.test(await (await post({ query: 'qwerty cop { abc }' })).text()),
  ],
]

describe('in production graphql-cop finds no weakness in', () => {
  test.for(checks)('%s', async ([, isWeak]) => {
    expect(await isWeak()).toBe(false)
  })
})

describe('in production the schema is read', () => {
  const sdl = '{ _service { sdl } }'
  const fragment = 'query { ...schema } fragment schema on Query { __schema { queryType { name } } }'

  test.for([introspection, sdl, fragment, '{ __type(name: "Query") { name } }'])(
    'by a manager only: %s',
    async (query) => {
      await service.tokens.createClient({ id: 'web', secret: adminSecret, scopes: ['create_token'] }, admin)

      const anonymous = await post({ query })
      const other = await post({ query, authorization: basic('web', adminSecret) })
      const manager = await post({ query, authorization: asAdmin })

      expect([anonymous.status, other.status, manager.status]).toEqual([401, 403, 200])
      expect((await manager.json()).errors).toBeUndefined()
    },
  )

  test('`__typename` is not the schema', async () => {
    expect(await (await post({ query: '{ __typename }' })).json()).toEqual({ data: { __typename: 'Query' } })
  })
})

test.for(['apollo-require-preflight', 'x-apollo-operation-name'])(
  'in production an operation is answered by GET with the header %s',
  async (name) => {
    const answer = await get('/graphql?query=%7B__typename%7D', { [name]: '1' })

    expect(await answer.json()).toEqual({ data: { __typename: 'Query' } })
  },
)

test('without settings all is shown, as on a laptop', async () => {
  const environment = {}

  expect((await (await post({ query: introspection }, environment)).json()).data.__schema).toBeDefined()
  expect(await (await post({ query: '{ currentTokn }' }, environment)).text()).toContain('Did you mean')
  expect((await get('/graphql', asBrowser, environment)).headers.get('content-type')).toContain('text/html')
  expect((await get('/graphql?query=%7B__typename%7D', {}, environment)).status).toBe(200)
})

test('each can be set by itself', async () => {
  const environment = { NODE_ENV: 'production', GRAPHIQL: 'on', INTROSPECTION: 'everyone', GRAPHQL_GET: 'any' }

  expect((await (await post({ query: introspection }, environment)).json()).data.__schema).toBeDefined()
  expect((await get('/graphql', asBrowser, environment)).headers.get('content-type')).toContain('text/html')
  expect((await get('/graphql?query=%7B__typename%7D', {}, environment)).status).toBe(200)
})

test('a value that is not understood is refused, and not taken for its opposite', () => {
  expect(() => readConfig({ INTROSPECTION: 'off', GRAPHIQL: 'no' })).toThrow(
    /GRAPHIQL must be on or off, got `no`\n.*INTROSPECTION must be everyone or managers, got `off`/,
  )
})
