import { readFileSync } from 'node:fs'
import { buildASTSchema, graphqlSync, isEnumType, isInputObjectType, isObjectType, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { toInt } from '../../src/graph/invalidation.ts'
import { createSchema } from '../../src/graph/schema.ts'
import { graphiqlTabs } from '../../src/http/pages/graphiql-tabs.ts'

const schema = createSchema()
const ownTypes = Object.values(schema.getTypeMap()).filter(
  ({ name }) => !name.startsWith('__') && !['String', 'Int', 'Boolean', 'ID', 'Float'].includes(name),
)

test('schema.graphql is what the service serves (npm run schema prints it)', () => {
  const printed = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8')

  const { data } = graphqlSync({ schema, source: '{ _service { sdl } }' })

  expect(data).toEqual({ _service: { sdl: printed } })
  expect(() => buildASTSchema(parse(printed), { assumeValidSDL: true })).not.toThrow()
})

test('every type, field, argument and value is described', () => {
  const undescribed: string[] = []
  const requireDescription = (name: string, description: string | null | undefined) => {
    if (!description || description.length < 10) undescribed.push(name)
  }
  for (const type of ownTypes) {
    requireDescription(type.name, type.description)
    if (isEnumType(type))
      for (const value of type.getValues()) requireDescription(`${type.name}.${value.name}`, value.description)
    if (isInputObjectType(type) || isObjectType(type))
      for (const field of Object.values(type.getFields())) {
        requireDescription(`${type.name}.${field.name}`, field.description)
        if ('args' in field)
          for (const arg of field.args) requireDescription(`${type.name}.${field.name}(${arg.name})`, arg.description)
      }
  }

  expect(undescribed).toEqual([])
})

test('an input that needs exactly one of its fields is @oneOf', () => {
  const oneOfs = ownTypes.filter((type) => isInputObjectType(type) && type.isOneOf).map(({ name }) => name)

  expect(oneOfs.toSorted()).toEqual(['InvalidateTokenInput', 'TokenOwnerInput'])
})

test.each(graphiqlTabs.map(({ query }) => [/(?:query|mutation|subscription) (\w+)/.exec(query)?.[1], query]))(
  'GraphiQL’s tab %s is an operation of this schema',
  (_name, query) => {
    expect(validate(schema, parse(query ?? ''))).toEqual([])
  },
)

test('a count beyond 32 bits is answered as the largest Int, and is no error after the commit', () => {
  expect([toInt(0), toInt(2 ** 31 - 1), toInt(2 ** 31), toInt(2 ** 40)]).toEqual([
    0,
    2 ** 31 - 1,
    2 ** 31 - 1,
    2 ** 31 - 1,
  ])
})
