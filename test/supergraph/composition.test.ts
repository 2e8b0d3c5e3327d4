import { readFileSync } from 'node:fs'
import {
  buildASTSchema,
  findBreakingChanges,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isObjectType,
  parse,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { usersSdl } from '../../examples/supergraph/users.ts'
import { placements } from '../../src/graph/optional-directives.ts'
import { createSdl } from '../../src/graph/schema.ts'
import { type Composition, composers, type Subgraph } from '../support/composers.ts'

const tokens = { name: 'tokens', url: 'http://127.0.0.1:4000/graphql', sdl: readFileSync('schema.graphql', 'utf8') }
const users = { name: 'users', url: 'http://127.0.0.1:4001/graphql', sdl: usersSdl }

/** Builds a schema without validation: directives other than GraphQL's own are defined by the composer. */
const read = (sdl: string): GraphQLSchema => buildASTSchema(parse(sdl), { assumeValidSDL: true })

/** From each coordinate, such as `Type.field(argument)`, to its description. */
function descriptionsOf(schema: GraphQLSchema): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const add = (coordinate: string, { description }: { readonly description?: string | null | undefined }) => {
    if (description) found.set(coordinate, description)
  }
  for (const type of Object.values(schema.getTypeMap())) {
    add(type.name, type)
    if (isEnumType(type)) for (const value of type.getValues()) add(`${type.name}.${value.name}`, value)
    if (isInputObjectType(type) || isObjectType(type))
      for (const field of Object.values(type.getFields())) {
        add(`${type.name}.${field.name}`, field)
        if ('args' in field) for (const arg of field.args) add(`${type.name}.${field.name}(${arg.name})`, arg)
      }
  }
  return found
}

const oneOfsIn = (schema: GraphQLSchema) =>
  Object.values(schema.getTypeMap())
    .flatMap((type) => (isInputObjectType(type) && type.isOneOf ? [type.name] : []))
    .toSorted()

describe.each(Object.entries(composers))('%s composes the schema with a users subgraph', (name, compose) => {
  const whole: Composition = compose([tokens, users])
  const supergraph = read(whole.supergraph)

  test('without an error, warning or hint', () => {
    expect(whole.complaints).toEqual([])
  })

  test('and keeps every type, field, argument and value', () => {
    expect(findBreakingChanges(read(tokens.sdl), supergraph)).toEqual([])
  })

  test('and every description', () => {
    const kept = descriptionsOf(supergraph)
    const lost = [...descriptionsOf(read(tokens.sdl))].filter(([coordinate, text]) => kept.get(coordinate) !== text)

    expect(lost).toEqual([])
  })

  test('and @oneOf', () => {
    expect(oneOfsIn(supergraph)).toEqual(oneOfsIn(read(tokens.sdl)))
    expect(oneOfsIn(supergraph)).toHaveLength(2)
  })

  test('and joins users to their sessions', () => {
    const [user, owner] = [supergraph.getType('User'), supergraph.getType('TokenOwner')]

    expect(isObjectType(user) && String(user.getFields()['tokenOwner']?.type)).toBe('TokenOwner')
    expect(isObjectType(owner) && String(owner.getFields()['sessions']?.type)).toBe('TokenSessionConnection!')
  })

  test('also with the optional directives, which it keeps', () => {
    const { complaints, supergraph } = compose([
      { ...tokens, sdl: createSdl({ directives: ['authenticated', 'tag'] }) },
      users,
    ])

    expect(complaints).toEqual([])
    expect(supergraph.match(/@authenticated\b(?! on)/g)).toHaveLength(Object.keys(placements.authenticated).length)
    expect(supergraph.match(/@tag\(name: "internal"\)/g)).toHaveLength(Object.keys(placements.tag).length)
  })

  test('also with @cost', () => {
    const { complaints, supergraph } = compose([{ ...tokens, sdl: createSdl({ directives: ['cost'] }) }, users])

    expect(complaints).toEqual([])
    // WunderGraph keeps the cost in the configuration of its router.
    if (name !== 'WunderGraph') expect(supergraph).toMatch(/invalidateToken\([^@]*@cost\(weight: 10\)/)
  })

  test('also with a subgraph that has its own PageInfo', () => {
    const sdl = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@shareable"])
      type Query { news: PageInfo }
      type PageInfo @shareable {
        hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
      }`

    expect(compose([tokens, users, { name: 'news', url: 'http://127.0.0.1:4003/graphql', sdl }]).complaints).toEqual([])
  })

  test('also with a subgraph that has its own @oneOf, linked or only declared', () => {
    const head = /extend schema[\s\S]*?directive @oneOf on INPUT_OBJECT\n/.exec(tokens.sdl)?.[0] ?? ''
    const body = 'input SearchInput @oneOf { id: ID name: String }\ntype Query { search(by: SearchInput!): [ID!] }'
    const other = (sdl: string): Subgraph => ({ name: 'search', url: 'http://127.0.0.1:4002/graphql', sdl })
    const declared = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9")\ndirective @oneOf on INPUT_OBJECT\n${body}`

    expect(compose([tokens, users, other(declared)]).complaints).toEqual([])
    expect(compose([tokens, users, other(head + body)]).complaints).toEqual([])
  })
})
