import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { mintClientSecret } from '../../src/tokens/clients.ts'
import { admin, asAdmin, useTestService } from '../support/service.ts'

const service = useTestService({ keepsRows: true })
const secrets: string[] = []
beforeAll(async () => {
  const { accessToken, refresh } = await service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
  // Tokens of the service; one that is also a GraphQL name; a client's secret; and a secret of another service.
  const name = `itr_${'Ab9'.repeat(18)}Zz`
  secrets.push(accessToken, refresh?.token ?? '', name, mintClientSecret(), `k${randomBytes(24).toString('hex')}`)
})

const url = 'http://localhost/graphql'
const json = { 'content-type': 'application/json', accept: 'application/graphql-response+json', authorization: asAdmin }
const post = (body: string, headers: Readonly<Record<string, string>> = {}) =>
  new Request(url, { method: 'POST', headers: { ...json, ...headers }, body })
const send = (query: unknown, variables?: unknown, more: object = {}) =>
  post(JSON.stringify({ query, variables, ...more }))
const get = (parameters: Record<string, string>) => new Request(`${url}?${new URLSearchParams(parameters)}`)

const create = 'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { expiresIn } }'
const refresh = 'mutation ($input: RefreshTokenPairInput!) { refreshTokenPair(input: $input) { __typename } }'
const invalidate = 'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { errorCount } }'
const inLiteral = (input: string) => send(`mutation { invalidateToken(input: ${input}) { errorCount } }`)
const introspect = (argument: string) => send(`{ introspectToken(${argument}) { active } }`)

/** Each place for a secret in a bad request. An alias is not among them: GraphQL uses it as a key of the answer. */
const inTheBody: readonly (readonly [place: string, request: (secret: string) => Request])[] = [
  ['malformed JSON', (s) => post(`{"query": "${s}`)],
  ['the whole body', (s) => post(s)],
  ['a JSON string', (s) => post(JSON.stringify(s))],
  ['a list of operations', (s) => post(JSON.stringify([{ query: s }]))],
  ['a parameter', (s) => send('{ __typename }', {}, { [s]: 1 })],
  ['a quoted parameter', (s) => send('{ __typename }', {}, { [`a" ${s} "b`]: 1 })],
  ['the operation name', (s) => send('query A { __typename }', {}, { operationName: s })],
  ['a quoted operation name', (s) => send('query A { __typename }', {}, { operationName: `"${s}"` })],
  ['an operation name that is a list', (s) => send('query A { __typename }', {}, { operationName: [s] })],
  ['the query', (s) => send(s)],
  ['a comment', (s) => send(`# ${s}`)],
  ['the variables', (s) => send(invalidate, s)],
  ['the variables, in a list', (s) => send(invalidate, [s])],
  ['the extensions', (s) => send(invalidate, {}, { extensions: s })],
  ['the input', (s) => send(invalidate, { input: s })],
  ['the input, in a list', (s) => send(invalidate, { input: [s] })],
  ['both fields of a oneOf', (s) => send(invalidate, { input: { token: s, refreshToken: s } })],
  ['a field beside a null', (s) => send(invalidate, { input: { token: s, owner: null } })],
  ['the value of an unknown field', (s) => send(invalidate, { input: { tokens: s } })],
  ['a key', (s) => send(invalidate, { input: { [s]: 1 } })],
  ['a quoted key', (s) => send(invalidate, { input: { [`a" ${s} "b`]: 1 } })],
  ['a key like a variable', (s) => send(invalidate, { input: { [`$${s.slice(0, 12)}-${s.slice(12)}`]: 1 } })],
  [
    'a key with a quote in the middle',
    (s) => send(invalidate, { input: { [`${s.slice(0, 12)}" ${s.slice(12)}`]: 1 } }),
  ],
  ['a key with a reason', (s) => send(invalidate, { input: { [`x"; Expected ${s}; Field "y`]: 1 } })],
  ['a key that ends like a path', (s) => send(invalidate, { input: { token: { [`a at "${s}"; Field`]: 1 } } })],
  ['a value in a list', (s) => send(invalidate, { input: { token: [s] } })],
  ['a value in an object', (s) => send(invalidate, { input: { token: { token: s } } })],
  ['a key in an object', (s) => send(invalidate, { input: { token: { [s]: s } } })],
  [
    'a value with a reason',
    (s) => send(invalidate, { input: { token: [`; Expected type "${s}"; Field ${s} at "${s}"`] } }),
  ],
  ['a value with a line break', (s) => send(invalidate, { input: { token: [`a\n"${s}"\n; Exactly`] } })],
  ['a realm beside a username', (s) => send(invalidate, { input: { owner: { realmName: s, username: s } } })],
  ['a realm alone', (s) => send(invalidate, { input: { owner: { realmUser: { realmName: s } } } })],
  ['the owner', (s) => send(invalidate, { input: { owner: s } })],
  ['an overlong token', (s) => send(invalidate, { input: { token: s.repeat(40) } })],
  ['an overlong name', (s) => send(invalidate, { input: { owner: { realmName: s.repeat(20) } } })],
  ['a token with a NUL', (s) => send(invalidate, { input: { token: `${s}\0` } })],
  ['a name with a line break', (s) => send(invalidate, { input: { owner: { username: `${s}\n` } } })],
  ['a refresh token in a list', (s) => send(refresh, { input: { refreshToken: [s] } })],
  ['an unknown refresh token', (s) => send(refresh, { input: { refreshToken: `${s}x` } })],
  ['a boolean', (s) => send(create, { input: { realmName: 'r', username: 'u', withoutRefreshToken: s } })],
  ['a scope in an object', (s) => send(create, { input: { realmName: 'r', username: 'u', scopes: ['read', { s }] } })],
  ['a scope with a space', (s) => send(create, { input: { realmName: 'r', username: 'u', scopes: [`${s} ${s}`] } })],
  ['a username without a realm', (s) => send(create, { input: { username: s } })],
  ['an enum as the input', (s) => inLiteral(s)],
  ['a string as the input', (s) => inLiteral(`"${s}"`)],
  ['a block string as the input', (s) => inLiteral(`"""a " ${s} " b"""`)],
  ['a list as the input', (s) => inLiteral(`["${s}"]`)],
  ['an enum as a token', (s) => inLiteral(`{ token: ${s} }`)],
  ['a list as a token', (s) => inLiteral(`{ token: ["${s}"] }`)],
  ['an object as a token', (s) => inLiteral(`{ token: { ${s}: "${s}" } }`)],
  ['a key of a literal', (s) => inLiteral(`{ ${s}: 1 }`)],
  ['both fields of a literal', (s) => inLiteral(`{ token: "${s}", refreshToken: "${s}" }`)],
  [
    'a variable in a literal',
    (s) => send(`mutation ($${s}: String) { invalidateToken(input: { token: $${s} }) { errorCount } }`),
  ],
  [
    'a value of a nullable variable',
    (s) =>
      send('mutation ($v: String) { invalidateToken(input: { token: $v, refreshToken: "y" }) { errorCount } }', {
        v: s,
      }),
  ],
  ['a string in place of a name', (s) => send(`{ "${s}" }`)],
  ['a string with quotes in place of a name', (s) => send(`{ "a\\" ${s} \\"b" }`)],
  ['a block string with quotes in place of a name', (s) => send(`{ """a" ${s} "b""" }`)],
  ['a string without an end', (s) => send(`{ introspectToken(token: "${s}`)],
  ['an invalid escape', (s) => send(`{ introspectToken(token: "\\u${s}") }`)],
  ['a name in place of a colon', (s) => introspect(`token ${s}`)],
  ['a name after a number', (s) => introspect(`token: 1${s}`)],
  ['a field', (s) => send(`{ ${s} }`)],
  ['a field of a field', (s) => send(`{ introspectToken(token: "${s}") { ${s} } }`)],
  ['a field without a selection', (s) => send(`{ introspectToken(token: "${s}") }`)],
  ['an argument', (s) => introspect(`token: "x", ${s}: 1`)],
  ['an argument twice', (s) => introspect(`token: "${s}", token: "${s}"`)],
  ['aliases in conflict', (s) => send(`{ ${s}: __typename ${s}: introspectToken(token: "${s}") { active } }`)],
  [
    'arguments in conflict',
    (s) => send(`{ introspectToken(token: "${s}") { active } introspectToken(token: "x") { active } }`),
  ],
  ['a directive', (s) => send(`{ __typename @${s} }`)],
  ['an argument of a directive', (s) => send(`{ __typename @skip(${s}: true) }`)],
  ['a value for a directive', (s) => send(`{ __typename @skip(if: ${s}) }`)],
  ['an unknown fragment', (s) => send(`{ ...${s} }`)],
  ['an unused fragment', (s) => send(`{ __typename } fragment ${s} on Query { __typename }`)],
  [
    'a fragment within itself',
    (s) => send(`{ ...${s} } fragment ${s} on Query { ...B } fragment B on Query { ...${s} }`),
  ],
  ['a type', (s) => send(`{ ... on ${s} { a } }`)],
  ['an unused variable', (s) => send(`query ($${s}: String) { __typename }`)],
  ['an undeclared variable', (s) => send(`query A { introspectToken(token: $${s}) { active } }`)],
  ['the type of a variable', (s) => send(`query ($a: ${s}) { introspectToken(token: $a) { active } }`)],
  ['a default', (s) => send(`query ($a: Int = "${s}") { introspectToken(token: $a) { active } }`)],
  ['an operation', (s) => send(`query ${s} { introspectToken(token: $a) { active } }`)],
  ['two operations with the same name', (s) => send(`query ${s} { __typename } query ${s} { __typename }`)],
  ['a subscription', (s) => send(`subscription ${s} { ${s} }`)],
  ['a type definition', (s) => send(`type ${s} { a: Int } { __typename }`)],
  ['the path', (s) => new Request(`http://localhost/${s}`)],
  ['a parameter of a GET', (s) => get({ [s]: s })],
  ['the query of a GET', (s) => get({ query: s })],
  ['the variables of a GET', (s) => get({ query: '{ __typename }', variables: s })],
  [
    'a value of the variables of a GET',
    (s) => get({ query: 'query ($a: Int) { __typename }', variables: JSON.stringify({ a: s }) }),
  ],
  [
    'a mutation by GET',
    (s) => get({ query: `mutation { invalidateToken(input: { token: "${s}x" }) { errorCount } }` }),
  ],
]

const inAHeader: typeof inTheBody = [
  ['a bearer', (s) => post('{}', { authorization: `Bearer ${s}x` })],
  ['a bearer with a valid query', (s) => post('{"query":"{ __typename }"}', { authorization: `Bearer ${s}x` })],
  ['a scheme', (s) => post('{"query":"{ __typename }"}', { authorization: `${s} x` })],
  ['a bearer twice', (s) => post('{"query":"{ __typename }"}', { authorization: `Bearer ${s}, Bearer ${s}` })],
  ['a client secret', (s) => post('{"query":"{ __typename }"}', { authorization: `Basic ${btoa(`admin:${s}`)}` })],
  ['a client id', (s) => post('{"query":"{ __typename }"}', { authorization: `ApiKey ${btoa(`${s}:${s}`)}` })],
  ['a content type', (s) => post('{"query":"{ __typename }"}', { 'content-type': s })],
  ['an accepted type', (s) => post('{"query":"{ __typename }"}', { accept: s })],
]
const places = [...inTheBody, ...inAHeader]

async function expectNoLeak(request: Request, secret: string): Promise<void> {
  const response = await service.handler(request)
  const answer = `${JSON.stringify([...response.headers])} ${await response.text()}`

  expect(response.status, answer).toBeLessThan(500)
  expect(answer).not.toContain('Unexpected error.')
  for (const piece of piecesOf(secret)) expect(answer).not.toContain(piece)
  expect(service.reports).toEqual([])
}

/** All parts of eight characters: even one of them would make the rest easier to guess. */
function piecesOf(secret: string): readonly string[] {
  return Array.from({ length: secret.length - 7 }, (_, start) => secret.slice(start, start + 8))
}

describe('an answer does not repeat a secret that was sent', () => {
  test.each(places)('as %s', async (_place, request) => {
    for (const secret of secrets) await expectNoLeak(request(secret), secret)
  })
})

/** Parts of graphql-js messages, to mislead code that parses these messages. */
const messageParts = fc.constantFrom(
  ...[
    '',
    '"',
    '" ',
    '""',
    '"""',
    '\\',
    '\\"',
    "'",
    '`',
    '\n',
    '\r\n',
    ' ',
    ';',
    '; ',
    '{ ',
    ' }',
    '[',
    ': ',
    ', ',
    '$',
    '@',
    '#',
  ],
  ...['; Expected type ', '; Field "', '; Exactly ', ' at "', ' at "input.token"; ', ' got invalid value ', ' value: '],
  ...[
    'String cannot represent a non string value: ',
    ', found ',
    'Syntax Error: ',
    'Did you mean "',
    'token',
    'input.',
    '[0]',
  ],
  ...['\u2028', '\u00e9', '\u{1f511}', '\ud800', '\0', '…', 'ita_', 'itr_', 'its_'],
)
const surrounded = (secret: string) =>
  fc.tuple(messageParts, messageParts, messageParts, messageParts).map(([a, b, c, d]) => `${a}${b}${secret}${c}${d}`)
const fieldNames = fc.constantFrom(
  ...[
    'token',
    'refreshToken',
    'owner',
    'realmName',
    'username',
    'realmUser',
    'scopes',
    'withoutRefreshToken',
    'input',
    '__proto__',
  ],
)

function badValue(secret: string): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('list'), tie('object')),
    leaf: fc.oneof(surrounded(secret), fc.constant(secret), fc.constantFrom(null, true, 0, -1, 1.5, 2 ** 31)),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc
      .array(fc.tuple(fc.oneof(fieldNames, fieldNames, surrounded(secret)), tie('value')), { maxLength: 3 })
      .map((entries) => Object.fromEntries(entries)),
  })).value
}

/** The value as a GraphQL literal. By `form`, a text in it is a string, a block string or an enum value. */
function asLiteral(value: unknown, form: number): string {
  if (typeof value === 'string') return [JSON.stringify(value), `"""${value}"""`, value][form % 3] ?? ''
  if (Array.isArray(value)) return `[${value.map((inner) => asLiteral(inner, form + 1)).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key}: ${asLiteral(inner, form + 1)}`)
    .join(', ')} }`
}

interface Attempt {
  readonly secret: string
  readonly request: () => Request
}

const attempts: fc.Arbitrary<Attempt> = fc
  .oneof(fc.constantFrom(0, 1, 2, 3, 4), fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{31,60}$/))
  .map((chosen) => (typeof chosen === 'number' ? (secrets[chosen] ?? '') : chosen))
  .chain((secret) => {
    const value = badValue(secret)
    const requests = fc.oneof(
      fc.tuple(fc.constantFrom(create, refresh, invalidate), value).map(
        ([query, input]) =>
          () =>
            send(query, { input }),
      ),
      fc.tuple(fc.nat(2), value).map(
        ([form, input]) =>
          () =>
            inLiteral(asLiteral(input, form)),
      ),
      fc.tuple(fc.nat(2), value).map(
        ([form, token]) =>
          () =>
            introspect(`token: ${asLiteral(token, form)}`),
      ),
      surrounded(secret).map((text) => () => send('query A { __typename }', {}, { [text]: text })),
      surrounded(secret).map((text) => () => send(`{ ${text} }`)),
      surrounded(secret).map(
        (text) => () => send(`query ${text} { __typename }`, { [text]: text }, { operationName: text }),
      ),
      surrounded(secret).map((text) => () => post(`{"query":"${text}`)),
      surrounded(secret).map(
        (text) => () => get({ query: '{ a }', variables: text, operationName: text, extensions: text }),
      ),
      fc.constantFrom(...places).map(
        ([, request]) =>
          () =>
            request(secret),
      ),
      fc.tuple(fc.constantFrom(...inTheBody), surrounded(secret)).map(
        ([[, request], text]) =>
          () =>
            request(text),
      ),
    )
    return requests.map((request) => ({ secret, request }))
  })

test('the answers to 300 random requests do not repeat a secret that was sent', async () => {
  const property = fc.asyncProperty(attempts, ({ secret, request }) => expectNoLeak(request(), secret))

  await fc.assert(property, { seed: 20261121, numRuns: 300, interruptAfterTimeLimit: 8000 })
})
