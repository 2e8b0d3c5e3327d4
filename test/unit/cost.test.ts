import { getIntrospectionQuery } from 'graphql'
import { describe, expect, test } from 'vitest'
import { createSchema } from '../../src/graph/schema.ts'
import { createDocuments, defaultMaxCost } from '../../src/http/graphql/documents.ts'

const schema = createSchema()

type Variables = Readonly<Record<string, unknown>>

/** Undefined for an operation that may run. */
function refusal(query: string, variables: Variables = {}, maxCost = defaultMaxCost): string | undefined {
  const documents = createDocuments({ schema, maxCost })
  const document = documents.parse(query)
  expect(documents.validate(document)).toEqual([])
  return documents.assess({ document, variables }).refusal?.message
}

/** What the operation costs, as the refusal says it. */
function costOf(query: string, variables: Variables = {}): number {
  return Number(/got (\d+)/.exec(refusal(query, variables, 0) ?? '')?.[1])
}

const representations = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ __typename: 'TokenSession', id }))
const entities = (selection: string) =>
  `query ($of: [_Any!]!) { _entities(representations: $of) { ... on TokenSession ${selection} } }`

describe('an operation costs', () => {
  test.for<readonly [cost: number, query: string, variables?: Variables]>([
    // The result is an object, and so is the error in it.
    [11, 'mutation ($i: InvalidateTokenInput!) { invalidateToken(input: $i) { errorDetails { type } } }'],
    [
      20,
      'mutation ($i: InvalidateTokenInput!) { a: invalidateToken(input: $i) { errorCount } b: invalidateToken(input: $i) { errorCount } }',
    ],
    [21, '{ mySessions { nodes { id } } }'],
    [6, '{ mySessions(first: 5) { nodes { id } } }'],
    [6, 'query ($n: Int) { mySessions(first: $n) { nodes { id } } }', { n: 5 }],
    [8, 'query ($n: Int = 7) { mySessions(first: $n) { nodes { id } } }'],
    [21, 'query ($n: Int) { mySessions(first: $n) { nodes { id } } }'],
    [101, '{ mySessions(first: 100) { nodes { id } } }'],
    [12, '{ mySessions(first: 5) { edges { node { id } } pageInfo { endCursor } } }'],
    [
      12,
      '{ mySessions(first: 5) { ...page } } fragment page on TokenSessionConnection { edges { node { id } } pageInfo { endCursor } }',
    ],
    [421, '{ mySessions { nodes { owner { sessions(first: 18) { nodes { id } } } } } }'],
    [12, '{ mySessions(first: 5) { nodes { id owner @skip(if: true) { username } } } me: currentToken { active } }'],
    [30, entities('{ id }'), { of: representations(30) }],
    [60, entities('{ id owner { username } }'), { of: representations(30) }],
  ])('%i: %s', ([cost, query, variables]) => {
    expect(costOf(query, variables)).toBe(cost)
  })
})

const nested = (levels: number, first = '') =>
  `{ mySessions${first} { nodes { ${`owner { sessions${first} { nodes { `.repeat(levels)} id ${'}'.repeat(3 * levels)} } } }`

describe('runs', () => {
  test.for<readonly [name: string, query: string, variables?: Variables]>([
    ['two pages within each other', nested(1, '(first: 90)')],
    ['the introspection that tools send', getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true })],
    [
      '2,000 entities with their scalar fields',
      entities('{ id username owner { username } device { label } }'),
      { of: representations(2_000) },
    ],
  ])('%s', ([, query, variables]) => {
    expect(refusal(query, variables)).toBeUndefined()
  })
})

describe('is refused before it runs', () => {
  test.for<readonly [name: string, query: string, variables?: Variables]>([
    ['lists within lists, three levels with 100 entries', nested(2, '(first: 100)')],
    ['lists within lists, five levels', nested(5)],
    ['more entities than a gateway asks for', entities('{ id }'), { of: representations(10_001) }],
    [
      'a hundred full introspections',
      `{ ${Array.from({ length: 40 }, (_, at) => `a${at}: __schema { types { fields { type { fields { type { name } } } } } }`).join(' ')} }`,
    ],
    [
      'fragments that double at each level',
      `{ mySessions { ...f0 } } ${Array.from({ length: 20 }, (_, at) => `fragment f${at} on TokenSessionConnection { nodes { owner { a: sessions(first: 1) { ...f${at + 1} } b: sessions(first: 1) { ...f${at + 1} } } } }`).join(' ')} fragment f20 on TokenSessionConnection { nodes { id } }`,
    ],
  ])('%s', ([, query, variables]) => {
    expect(refusal(query, variables)).toMatch(/^Expected (an operation that costs at most 10000|fields nested)/)
  })

  test('what is nested deeper than 20 fields', () => {
    expect(refusal(nested(24, '(first: 1)'))).toBe(
      'Expected fields nested at most 20 deep, got 75: select fewer levels',
    )
  })
})
