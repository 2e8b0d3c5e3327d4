import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { createSchema } from '../../src/graph/schema.ts'
import { createDocuments, defaultMaxCost } from '../../src/http/graphql/documents.ts'
import { createHandler } from '../../src/http/handler.ts'
import { heapGrowth } from '../support/heap.ts'
import { noTokens } from '../support/no-tokens.ts'

const schema = createSchema()
const open = () => createDocuments({ schema, maxCost: defaultMaxCost })

const floods: readonly (readonly [name: string, text: (index: number) => string])[] = [
  ['long comments', (index) => `#${index}\n${'#\n'.repeat(21_500)}{ __typename }`],
  ['short comments', (index) => `#${index}\n${'#\n'.repeat(3_000)}{ __typename }`],
  ['as many fields as are allowed', (index) => `{ a${index}: __typename ${' __typename'.repeat(900)} }`],
  ['faults', (index) => `{ a${index} ${' b'.repeat(900)} }`],
  ['syntax errors', (index) => `{ a${index} ${' b'.repeat(900)}`],
  ['small documents', (index) => `{ a${index}: __typename }`],
]

describe('the memory for documents is bounded, whatever strangers send:', () => {
  test.for(floods)('%s', async ([, text]) => {
    const documents = open()

    const growth = await heapGrowth(() => {
      for (let index = 0; index < 1_000; index++) {
        try {
          documents.validate(documents.parse(text(index)))
        } catch {
          // A syntax error, as a stranger may send one.
        }
      }
    })

    expect(growth).toBeLessThan(25)
    expect(documents.parse('{ __typename }').definitions).toHaveLength(1)
  })

  test('compressed comments, through the whole handler', async () => {
    const handler = createHandler({ tokens: noTokens, assertReady: async () => undefined, emit: () => undefined })
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    const send = async (index: number) => {
      const query = `#${index}\n${'#\n'.repeat(21_500)}{ __typename }`
      const body = gzipSync(JSON.stringify({ query }))
      const response = await handler(new Request('http://localhost/graphql', { method: 'POST', headers, body }))
      return response.text()
    }

    const growth = await heapGrowth(async () => {
      for (let index = 0; index < 140; index++) expect(await send(index)).toBe('{"data":{"__typename":"Query"}}')
    })

    expect(growth).toBeLessThan(25)
  })
})

test('a document that is repeated is parsed once', () => {
  const documents = open()

  expect(documents.parse('{ __typename }')).toBe(documents.parse('{ __typename }'))
})

test('a document with a literal string is not kept: the string may be a token', () => {
  const documents = open()
  const text = 'query { introspectToken(token: "secret") { active } }'

  expect(documents.parse(text)).not.toBe(documents.parse(text))
})

test('the error of a kept document says the line and the column', () => {
  const documents = open()

  const [fault] = documents.validate(documents.parse('{\n  # a comment\n  nothing\n}'))

  expect(fault?.locations).toEqual([{ line: 3, column: 3 }])
})
