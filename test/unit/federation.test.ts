import { graphql, graphqlSync, parse, printType, visit } from 'graphql'
import { expect, test } from 'vitest'
import { createBuilder } from '../../src/graph/builder.ts'
import { addFederation, declareEntity } from '../../src/graph/federation.ts'
import { optionalDirectives, placements } from '../../src/graph/optional-directives.ts'
import { createSchema, createSdl } from '../../src/graph/schema.ts'
import { createHandler } from '../../src/http/handler.ts'
import { anonymous } from '../../src/tokens/caller.ts'
import { noTokens } from '../support/no-tokens.ts'
import { ask } from '../support/service.ts'

interface Book {
  readonly shelf: string
  readonly title: string
}

const contextValue = { tokens: noTokens, caller: anonymous }

/** A subgraph of books. Only those on the shelf `open` are visible. `lookUps` has the keys of each look-up. */
function createLibrary() {
  const lookUps: (readonly Book[])[] = []
  const builder = createBuilder()
  builder.queryField('name', (t) => t.string({ resolve: () => 'library' }))
  builder.mutationField('close', (t) => t.boolean({ resolve: () => true }))
  const book = builder.objectRef<Book>('Book').implement({
    fields: (t) => ({ shelf: t.exposeString('shelf'), title: t.exposeString('title') }),
  })
  declareEntity(builder, book, {
    key: builder.selection<{ shelf: string; title: string }>('shelf title'),
    find: async (keys) => {
      lookUps.push(keys)
      return keys.map((key) => (key.shelf === 'open' ? key : undefined))
    },
  })
  return { schema: addFederation(builder.toSchema(), ''), lookUps }
}

const bookOf = (shelf: unknown, title: unknown) => ({ __typename: 'Book', shelf, title })

test('an entity is found by all fields of its key, and is null if the caller may not see it', async () => {
  const { schema } = createLibrary()
  const source = 'query ($of: [_Any!]!) { _entities(representations: $of) { ... on Book { title } } }'
  const of = [bookOf('open', 'Emma'), bookOf('closed', 'Ulysses'), { ...bookOf('open', 1984), more: 1 }]

  const { data, errors } = await graphql({ schema, source, variableValues: { of }, contextValue })

  expect(errors).toBeUndefined()
  expect(data).toEqual({ _entities: [{ title: 'Emma' }, null, { title: '1984' }] })
})

test('all entities that a request names are looked up at once', async () => {
  const { schema, lookUps } = createLibrary()
  const source = `query ($one: [_Any!]!, $other: [_Any!]!) {
    one: _entities(representations: $one) { __typename }
    other: _entities(representations: $other) { __typename }
  }`
  const variableValues = { one: [bookOf('open', 'a'), bookOf('open', 'b')], other: [bookOf('open', 'c')] }

  const { data } = await graphql({ schema, source, variableValues, contextValue: { ...contextValue } })
  await graphql({ schema, source, variableValues, contextValue: { ...contextValue } })

  expect(data).toEqual({ one: [{ __typename: 'Book' }, { __typename: 'Book' }], other: [{ __typename: 'Book' }] })
  expect(lookUps.map((keys) => keys.map(({ title }) => title))).toEqual([
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
  ])
})

const entities = 'query ($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }'

test.each([
  ['that is a string', 'ita_secret'],
  ['without a type', { id: '7' }],
  ['of an unknown type', { __typename: 'ita_secret', id: '7' }],
  ['of a type that is not an entity', { __typename: 'TokenPair', id: '7' }],
  ['of a type with the name of a property that every object has', { __typename: 'constructor', id: '7' }],
  ['without a key', { __typename: 'TokenSession' }],
  ['with only a part of its key', { __typename: 'TokenOwner', realmName: 'secret' }],
  ['with a key of a wrong type', { __typename: 'TokenSession', id: { secret: 'ita_secret' } }],
])(
  'a representation %s is refused as the sender’s fault, and its values are not repeated',
  async (_name, representation) => {
    const reports: unknown[] = []
    const handler = createHandler({
      tokens: noTokens,
      assertReady: async () => {},
      emit: (event) => reports.push(event),
    })

    const { status, text, errors } = await ask(handler, entities, { variables: { representations: [representation] } })

    expect(status).toBe(400)
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT'])
    expect(text).not.toContain('secret')
    expect(reports).toEqual([])
  },
)

test('PageInfo is @shareable, and there is no Query.node', () => {
  const builder = createBuilder()
  const thing = builder.objectRef<string>('Thing').implement({ fields: (t) => ({ id: t.id({ resolve: String }) }) })
  builder.queryField('things', (t) => t.connection({ type: thing, resolve: () => null, nullable: true }))

  const built = builder.toSchema()

  expect(built.getType('PageInfo')?.astNode?.directives?.map(({ name }) => name.value)).toEqual(['shareable'])
  expect(Object.keys(built.getQueryType()?.getFields() ?? {})).toEqual(['things'])
  const connection = built.getType('QueryThingsConnection')
  const lists = connection && printType(connection).match(/\w+: \[.*/g)
  expect(lists).toEqual(['edges: [QueryThingsConnectionEdge!]!', 'nodes: [Thing!]!'])
})

function directivesIn(sdl: string): readonly string[] {
  const names = new Set<string>()
  visit(parse(sdl), { Directive: ({ name }) => void names.add(name.value) })
  return [...names].toSorted()
}

test('the SDL has only directives that every composer accepts, and optional ones only on request', () => {
  const always = ['composeDirective', 'key', 'link', 'oneOf', 'shareable']

  expect(directivesIn(createSdl())).toEqual(always)
  for (const directive of optionalDirectives)
    expect(directivesIn(createSdl({ directives: [directive] }))).toEqual(expect.arrayContaining([...always, directive]))
})

test('each optional directive appears at each of its places', () => {
  for (const directive of optionalDirectives) {
    const sdl = createSdl({ directives: [directive] })

    const texts = Object.values(placements[directive])
    for (const text of texts)
      expect(sdl.split(` ${text}`)).toHaveLength(texts.filter((other) => other === text).length + 1)
  }
})

test('a mutation that needs only the token itself is never @authenticated', () => {
  expect(Object.keys(placements.authenticated)).not.toContain('Mutation.invalidateToken')
  expect(Object.keys(placements.authenticated)).not.toContain('Mutation.refreshTokenPair')
})

test('_service answers the SDL with the configured directives', () => {
  const { data } = graphqlSync({ schema: createSchema({ directives: ['tag'] }), source: '{ _service { sdl } }' })

  expect(data).toEqual({ _service: { sdl: createSdl({ directives: ['tag'] }) } })
})
