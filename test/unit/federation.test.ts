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

/** A subgraph of books, of which those on the shelf `open` may be seen; and the keys of each look-up. */
function createLibrary() {
  const lookUps: (readonly Book[])[] = []
  const builder = createBuilder()
  builder.queryField('name', (t) => t.string({ resolve: () => 'library' }))
  builder.mutationField('close', (t) => t.boolean({ resolve: () => true }))
  const book = builder.objectRef<Book>('Book').implement({
    fields: (t) => ({ shelf: t.exposeString('shelf'), title: t.exposeString('title') }),
  })
  declareEntity(builder, book, builder.selection<{ shelf: string; title: string }>('shelf title'), async (keys) => {
    lookUps.push(keys)
    return keys.map((key) => (key.shelf === 'open' ? key : undefined))
  })
  return { schema: addFederation(builder.toSchema(), ''), lookUps }
}

const bookOf = (shelf: unknown, title: unknown) => ({ __typename: 'Book', shelf, title })

test('an entity is found by all fields of its key, and null if it is not to be seen', async () => {
  const { schema } = createLibrary()
  const source = 'query ($of: [_Any!]!) { _entities(representations: $of) { ... on Book { title } } }'
  const of = [bookOf('open', 'Emma'), bookOf('closed', 'Ulysses'), { ...bookOf('open', 1984), more: 1 }]

  const { data, errors } = await graphql({ schema, source, variableValues: { of }, contextValue })

  expect(errors).toBeUndefined()
  expect(data).toEqual({ _entities: [{ title: 'Emma' }, null, { title: '1984' }] })
})

test('all that a request asks for is looked up at once', async () => {
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
  ['no object', 'ita_secret'],
  ['no type', { id: '7' }],
  ['an unknown type', { __typename: 'ita_secret', id: '7' }],
  ['a type that is no entity', { __typename: 'TokenPair', id: '7' }],
  ['a name that every object has', { __typename: 'constructor', id: '7' }],
  ['no key', { __typename: 'TokenSession' }],
  ['half a key', { __typename: 'TokenOwner', realmName: 'secret' }],
  ['a key of another kind', { __typename: 'TokenSession', id: { secret: 'ita_secret' } }],
])('a representation with %s is the sender’s fault, and not repeated', async (_name, representation) => {
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
})

test('PageInfo is for all subgraphs to share, and there is no Query.node', () => {
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

test('the SDL says what every composer takes, and more only if it is asked to', () => {
  const always = ['composeDirective', 'key', 'link', 'oneOf', 'shareable']

  expect(directivesIn(createSdl())).toEqual(always)
  for (const directive of optionalDirectives)
    expect(directivesIn(createSdl({ directives: [directive] }))).toEqual(expect.arrayContaining([...always, directive]))
})

test('each optional directive stands at every place that it is meant for', () => {
  for (const directive of optionalDirectives) {
    const sdl = createSdl({ directives: [directive] })

    const texts = Object.values(placements[directive])
    for (const text of texts) expect(sdl.split(` ${text}`)).toHaveLength(texts.filter((one) => one === text).length + 1)
  }
})

test('what a token in hand is enough for is never @authenticated', () => {
  expect(Object.keys(placements.authenticated)).not.toContain('Mutation.invalidateToken')
  expect(Object.keys(placements.authenticated)).not.toContain('Mutation.refreshTokenPair')
})

test('_service answers with the directives that were asked for', () => {
  const { data } = graphqlSync({ schema: createSchema({ directives: ['tag'] }), source: '{ _service { sdl } }' })

  expect(data).toEqual({ _service: { sdl: createSdl({ directives: ['tag'] }) } })
})
