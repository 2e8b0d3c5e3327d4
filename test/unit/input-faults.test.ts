import { isInputObjectType, isObjectType } from 'graphql'
import { describe, expect, test } from 'vitest'
import { describeFault } from '../../src/commands/fault.ts'
import { createErrorPresenter } from '../../src/graph/errors.ts'
import { nameField as nameForGraphql } from '../../src/graph/field-names.ts'
import { createSchema } from '../../src/graph/schema.ts'
import { ElasticsearchError, toElasticsearchError } from '../../src/http/elasticsearch/error.ts'
import { withErrorAnswers } from '../../src/http/oauth/answer.ts'
import { contextOfRequest } from '../../src/http/request-context.ts'
import { TokenServiceError } from '../../src/tokens/errors.ts'
import { badInput, type InputFault, type InputField } from '../../src/tokens/input-fault.ts'

const schema = createSchema()
const events: unknown[] = []
const emit = (event: unknown) => events.push(event)

const wordings = {
  domain: (error: TokenServiceError) => error.message,
  graphql: (error: TokenServiceError) => createErrorPresenter(schema, emit)(error).message,
  elasticsearch: (error: TokenServiceError) => toElasticsearchError(error, emit).message,
  oauth: async (error: TokenServiceError) => {
    const request = new Request('http://localhost/')
    const response = await withErrorAnswers(() => Promise.reject(error), emit)(request, contextOfRequest(request))
    const { error_description: description } = await response.json()
    return description
  },
  commands: (error: TokenServiceError) => describeFault(error).message,
}

async function wordEach(fault: InputFault): Promise<Readonly<Record<string, string>>> {
  const worded = Object.entries(wordings).map(async ([dialect, word]) => [dialect, await word(badInput(fault))])
  return Object.fromEntries(await Promise.all(worded))
}

describe('each dialect names a field as its requests do', () => {
  test('a value that is wrong', async () => {
    expect(await wordEach({ field: 'realm', expected: 'without control characters' })).toEqual({
      domain: 'Expected `realm` without control characters.',
      graphql: 'Expected `realmName` without control characters.',
      elasticsearch: 'Expected `realm_name` without control characters.',
      oauth: 'Expected `realm` without control characters.',
      commands: 'Expected --realm without control characters.',
    })
  })

  test('an element of a list', async () => {
    const fault = { field: 'scopes', index: 3, expected: 'to be text', found: 'none', because: 'it is kept' } as const

    expect(await wordEach(fault)).toMatchObject({
      domain: 'Expected `scopes[3]` to be text, got none: it is kept.',
      graphql: 'Expected `scopes[3]` to be text, got none: it is kept.',
    })
  })

  test('a value that belongs in another field', async () => {
    const fault = {
      field: 'accessToken',
      expected: 'to be an access token',
      found: 'a refresh token',
      belongsIn: 'refreshToken',
    } as const

    expect(await wordEach(fault)).toMatchObject({
      domain: 'Expected `accessToken` to be an access token, got a refresh token: pass it as `refreshToken`.',
      graphql: 'Expected `token` to be an access token, got a refresh token: pass it as `refreshToken`.',
      elasticsearch: 'Expected `token` to be an access token, got a refresh token: pass it as `refresh_token`.',
    })
  })

  test('an option without what it needs; two fields of one name are named once', async () => {
    const onlyWith = ['accessToken', 'refreshToken', 'everything'] as const

    expect(await wordEach({ field: 'issuedBefore', onlyWith, because: 'why' })).toMatchObject({
      domain: 'Expected `issuedBefore` only with `accessToken`, `refreshToken` or `everything`: why.',
      graphql: 'Expected `issuedBefore` only with `token`, `refreshToken` or `everything`: why.',
      commands: 'Expected --issued-before only with --token-stdin or --everything: why.',
    })
  })

  test('two fields that contradict each other', async () => {
    expect(await wordEach({ field: 'since', notWith: 'nothingLost', because: 'why' })).toMatchObject({
      domain: 'Expected `since` without `nothingLost`: why.',
      commands: 'Expected --since without --nothing-lost: why.',
    })
  })

  test('a text is in the words of the dialect that gives it', () => {
    const error = badInput('Expected exactly one field in `input`')

    expect(error).toBeInstanceOf(TokenServiceError)
    expect([error.code, wordings.graphql(error)]).toEqual(['ERR_BAD_INPUT', 'Expected exactly one field in `input`.'])
  })
})

test('the command line shows a failure of the database with its cause', () => {
  const error = new TokenServiceError('ERR_STORAGE_UNAVAILABLE', 'The database did not answer.', new Error('ended'))

  expect(describeFault(error).message).toBe('The database did not answer. (ended)')
})

test('Elasticsearch’s clients read a wrong field as an illegal argument', () => {
  const error = toElasticsearchError(badInput({ field: 'username', expected: 'to be text' }), emit)

  expect(error).toBeInstanceOf(ElasticsearchError)
  expect([error.status, error.shownCause]).toEqual([
    400,
    { type: 'illegal_argument_exception', reason: 'Expected `username` to be text.' },
  ])
  expect(events).toEqual([])
})

test('the names for GraphQL are arguments and input fields of the schema', () => {
  const known = new Set(
    Object.values(schema.getTypeMap()).flatMap((type) => {
      if (isInputObjectType(type)) return Object.keys(type.getFields())
      if (!isObjectType(type)) return []
      return Object.values(type.getFields()).flatMap(({ args }) => args.map(({ name }) => name))
    }),
  )
  const inSchema: readonly InputField[] = [
    'realm',
    'username',
    'token',
    'accessToken',
    'refreshToken',
    'session',
    'owner',
    'client',
    'everything',
    'scopes',
    'wholeSession',
    'keepCurrentSession',
    'issuedBefore',
    'expectAtMost',
    'comment',
    'limit',
    'cursor',
  ]

  const names = inSchema.flatMap((field) => nameForGraphql(field).replaceAll('`', '').split('.'))
  expect(names.filter((name) => !known.has(name))).toEqual([])
})
