import { GraphQLError } from 'graphql'
import { describe, expect, test } from 'vitest'
import { createRedactor } from '../../src/graph/redact.ts'
import { createSchema } from '../../src/graph/schema.ts'
import { createHandler } from '../../src/http/handler.ts'
import { noTokens } from '../support/no-tokens.ts'

const reports: unknown[] = []
const handler = createHandler({
  tokens: noTokens,
  assertReady: async () => {},
  emit: (event) => reports.push(event),
})

async function send(body: unknown): Promise<string> {
  const response = await handler(
    new Request('http://localhost/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify(body),
    }),
  )
  return response.text()
}
async function messages(query: string, variables?: unknown): Promise<readonly string[]> {
  const { errors } = JSON.parse(await send({ query, variables }))
  return errors.map(({ message }: { readonly message: string }) => message)
}

const invalidate = 'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { errorCount } }'
const create = 'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { expiresIn } }'
const introspect = (token: string) => `{ introspectToken(token: ${token}) { active } }`
/** Not a token of this service, but long enough to be a secret of another. */
const secret = 'Zq8sEcReTvAlUe0123456789abcdefXYZ'

describe('a message says what is wrong and where, and repeats no value', () => {
  test.each<[message: string, query: string, variables?: unknown]>([
    [
      'Variable "$input" got an invalid value; Exactly one key must be specified for OneOf type "InvalidateTokenInput".',
      invalidate,
      { input: { token: secret, refreshToken: secret } },
    ],
    [
      'Variable "$input" got an invalid value at "input.owner"; Exactly one key must be specified for OneOf type "TokenOwnerInput".',
      invalidate,
      { input: { owner: { realmName: secret, username: secret } } },
    ],
    [
      'Variable "$input" got an invalid value; Field "username" of required type "String!" was not provided.',
      create,
      { input: { realmName: secret } },
    ],
    [
      'Variable "$input" got an invalid value at "input.token"; String cannot represent a non string value',
      invalidate,
      { input: { token: [secret] } },
    ],
    [
      'Variable "$input" got an invalid value at "input.scopes[1]"; String cannot represent a non string value',
      create,
      { input: { realmName: 'r', username: 'u', scopes: ['read', { secret }] } },
    ],
    [
      'Variable "$input" got an invalid value; Expected type "InvalidateTokenInput" to be an object.',
      invalidate,
      { input: secret },
    ],
    ['Variable "$input" of required type "InvalidateTokenInput!" was not provided.', invalidate],
    ['Variable "$input" of non-null type "InvalidateTokenInput!" must not be null.', invalidate, { input: null }],
    [
      'Variable "$input" got an invalid value; Field "usrname" is not defined by type "CreateTokenPairInput". Did you mean "username"?',
      create,
      { input: { realmName: 'r', username: 'u', usrname: secret } },
    ],
    ['Expected "variables" param to be empty or an object, but given array.', invalidate, [secret]],
    [
      'OneOf Input Object "InvalidateTokenInput" must specify exactly one key.',
      `mutation { invalidateToken(input: { token: "${secret}", refreshToken: "${secret}" }) { errorCount } }`,
    ],
    [
      'Field "InvalidateTokenInput.token" must be non-null.',
      'mutation { invalidateToken(input: { token: null }) { errorCount } }',
    ],
    [
      'Argument "input" has an invalid value',
      'mutation ($token: String) { invalidateToken(input: { token: $token }) { errorCount } }',
    ],
    ['String cannot represent a non string value', introspect(secret)],
    ['String cannot represent a non string value', introspect(`["${secret}"]`)],
    ['Expected value of type "InvalidateTokenInput!"', `mutation { invalidateToken(input: ${secret}) { errorCount } }`],
    [
      'Cannot query field "invalidateTokn" on type "Mutation". Did you mean "invalidateToken"?',
      'mutation { invalidateTokn(input: { token: "x" }) { errorCount } }',
    ],
    [
      'Unknown argument "tokn" on field "Query.introspectToken". Did you mean "token"?',
      '{ introspectToken(token: "x", tokn: "x") { active } }',
    ],
    [
      'Field "introspectToken" of type "TokenIntrospection!" must have a selection of subfields. Did you mean "introspectToken { ... }"?',
      `{ introspectToken(token: "${secret}") }`,
    ],
    [
      'Field "introspectToken" argument "token" of type "String!" is required, but it was not provided.',
      '{ introspectToken { active } }',
    ],
    [
      'Fields "one" conflict because they have differing arguments. Use different aliases on the fields to fetch both if this was intentional.',
      `{ one: introspectToken(token: "${secret}") { active } one: introspectToken(token: "x") { active } }`,
    ],
    [
      'Variable "$t" of type "Int" used in position expecting type "String!".',
      'query ($t: Int) { introspectToken(token: $t) { active } }',
    ],
    ['Variable "$t" is not defined by operation "Ask".', 'query Ask { introspectToken(token: $t) { active } }'],
    ['Unknown fragment "Pair".', '{ ...Pair }'],
    ['Unknown directive "@once".', '{ __typename @once }'],
    [
      'Cannot spread fragment "A" within itself via "B".',
      '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
    ],
    ['Syntax Error: Expected ":", found ")".', '{ introspectToken(token) { active } }'],
    ['Syntax Error: Expected Name, found String', `{ "${secret}" }`],
    ['Syntax Error: Unterminated string.', introspect(`"${secret}`)],
    ['Syntax Error: Unexpected character: "%".', '{ % }'],
    ['Syntax Error: Unexpected <EOF>.', ' '],
    ['Syntax Error: Document contains more that 1000 tokens. Parsing aborted.', '{a'.repeat(501)],
    ['Could not determine what operation to execute.', 'query A { __typename } query B { __typename }'],
    ['Cannot query field "a" on type "Subscription".', 'subscription { a }'],
  ])('%s', async (message, query, variables) => {
    expect((await messages(query, variables))[0]).toBe(message)
  })
})

describe('a name is repeated while it is too short to be a secret', () => {
  const longest = 'n'.repeat(31)
  const tooLong = 'n'.repeat(32)

  test.each<[place: string, query: (name: string) => string, variables?: (name: string) => unknown]>([
    ['a field', (name) => `{ ${name} }`],
    ['an argument', (name) => `{ introspectToken(token: "x", ${name}: 1) { active } }`],
    ['a type', (name) => `{ ... on ${name} { a } }`],
    ['a fragment', (name) => `{ __typename } fragment ${name} on Query { __typename }`],
    ['a key of a literal', (name) => `mutation { invalidateToken(input: { ${name}: 1 }) { errorCount } }`],
    ['a key of a variable', () => invalidate, (name) => ({ input: { [name]: 1 } })],
  ])('%s', async (_place, query, variables) => {
    expect((await messages(query(longest), variables?.(longest)))[0]).toContain(`"${longest}"`)
    expect((await messages(query(tooLong), variables?.(tooLong)))[0]).toContain('"…"')
  })

  test('but not a short name that looks like a part of a token', async () => {
    expect(await messages('{ ita_AQUAAAAAAAkA }')).toEqual(['Cannot query field "…" on type "Query".'])
  })
})

/** Texts that would make a careless regular expression backtrack over the whole message. */
const hostileTexts = (length: number): readonly string[] =>
  [
    '; Expected',
    '; Field "',
    '; A',
    'at "',
    ' at "input.token"; ',
    '"',
    '"""',
    '\\"',
    '\\',
    '\n',
    ' got invalid value ',
    ' cannot represent a value: ',
    'cannot represent ',
    ', found ',
    'Syntax Error: String "',
    'ita_',
    '…',
    'x…',
    '[0]',
    'token ',
    '\u00e9-',
  ].flatMap((piece) => {
    const half = piece.repeat(length / 2 / piece.length)
    return [`${half}${half}`, `${half}${'x'.repeat(length / 2)}`]
  })

describe('no message is long', () => {
  test.each<[place: string, body: (text: string) => unknown]>([
    ['a key of a variable', (text) => ({ query: invalidate, variables: { input: { [text]: 1 } } })],
    ['a value of a variable', (text) => ({ query: invalidate, variables: { input: { token: [text] } } })],
    ['a key of a wrong value', (text) => ({ query: invalidate, variables: { input: { token: { [text]: 1 } } } })],
    ['a parameter', (text) => ({ query: '{ __typename }', [text]: 1 })],
    ['a string in the wrong place', (text) => ({ query: `{ ${JSON.stringify(text)} }` })],
    ['a block string in the wrong place', (text) => ({ query: `{ """${text} """ }` })],
    [
      'a literal of a wrong type',
      (text) => ({ query: `mutation { invalidateToken(input: ${JSON.stringify(text)}) { errorCount } }` }),
    ],
  ])('with hostile text as %s', async (_place, body) => {
    for (const text of hostileTexts(30_000)) expect((await send(body(text))).length).toBeLessThan(3000)
    expect(reports).toEqual([])
  })
})

/** Code that takes quadratic time would take hours for this length: the test would not end. */
const enormous = 1_000_000

describe('an enormous message takes linear time', () => {
  const redact = createRedactor(createSchema())

  test.each<[kind: string, errorOf: (text: string) => GraphQLError]>([
    ['from graphql-js', (text) => new GraphQLError(text)],
    ['that begins like one about a value', (text) => new GraphQLError(`Expected value of type "${text}`)],
    ['from the parser', (text) => new GraphQLError(`Syntax Error: ${text}`)],
    ['about a key', (text) => new GraphQLError(`Field "${text}" is not defined by type "A".`)],
    [
      'with an original error',
      (text) => {
        const originalError = new GraphQLError(text)
        return new GraphQLError(`Variable "$a" got invalid value ${text}; ${text}`, { originalError })
      },
    ],
  ])('%s', (_kind, errorOf) => {
    for (const text of hostileTexts(enormous)) expect(redact(errorOf(text)).length).toBeLessThan(1000)
  })
})
