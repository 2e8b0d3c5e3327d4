import fc from 'fast-check'
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql'
import { createSchema } from '../../../src/graph/schema.ts'
import {
  callerNames,
  elasticsearch,
  type FuzzInput,
  type FuzzRequest,
  form,
  fromPage,
  graphql,
  type Tokens,
} from './input.ts'
import { everyText } from './texts.ts'

/** A text may hold `<name>`, which becomes that token when the input is sent. */
const markers = ['plantedAccess', 'plantedRefresh', 'plantedSecret', 'access', 'refresh'] as const
const marked = (name: string) => `<<${name}>>`

const plainText = fc.oneof(
  fc.constantFrom(...everyText.filter(({ length }) => length < 3_000)),
  fc.constantFrom('innocent', 'mallory', 'login', 'client-all', '1', '99', 'r', 'u'),
  fc.constantFrom('2026-11-21T09:00:00Z', '2026-02-30T00:00:00Z', '9999-12-31T23:59:60Z', '0000-01-01T00:00:00+23:59'),
  fc.string({ unit: 'binary', maxLength: 40 }),
)
const text = fc.oneof({ weight: 4, arbitrary: plainText }, fc.constantFrom(...markers.map(marked)))
const secretText = fc.oneof(text, fc.constant(marked('chosenSecret')))
const anything = fc.oneof(
  text,
  fc.jsonValue(),
  fc.dictionary(text, text, { maxKeys: 2 }),
  fc.array(text, { maxLength: 3 }),
)
const textOf = (name: string) => (/token|secret|password/i.test(name) ? secretText : text)

/** Values of an input type, and now and then anything else. */
function anyOf(type: GraphQLInputType, name: string): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: fitting(type, name) }, { weight: 1, arbitrary: anything })
}

function fitting(type: GraphQLInputType, name: string): fc.Arbitrary<unknown> {
  if (isNonNullType(type)) return anyOf(type.ofType, name)
  if (isListType(type)) return fc.array(anyOf(type.ofType, name), { maxLength: 4 })
  if (isEnumType(type)) return fc.constantFrom(...type.getValues().map((value) => value.name))
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).map((field) => [field.name, anyOf(field.type, field.name)] as const)
    if (!type.isOneOf) return fc.record(Object.fromEntries(fields), { requiredKeys: [] })
    return fc.oneof(...fields.map(([key, value]) => value.map((one) => ({ [key]: one }))))
  }
  if (type.name === 'Int') return fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1, 100, 101, 2 ** 31, 0.5))
  if (type.name === 'Boolean') return fc.boolean()
  if (type.name === '_Any')
    return fc.record(
      {
        __typename: fc.constantFrom('TokenSession', 'TokenOwner', 'Revocation'),
        id: text,
        realmName: text,
        username: text,
      },
      { requiredKeys: ['__typename'] },
    )
  return textOf(name)
}

function selectionOf(type: GraphQLOutputType, depth: number): string {
  const named = getNamedType(type)
  if (isUnionType(named))
    return `{ __typename ${named
      .getTypes()
      .map((one) => `... on ${one.name} ${selectionOf(one, depth)}`)
      .join(' ')} }`
  if (!isObjectType(named)) return ''
  const fields = Object.values(named.getFields()).map((field) => {
    if (!isObjectType(getNamedType(field.type))) return field.name
    return depth > 0 ? `${field.name} ${selectionOf(field.type, depth - 1)}` : ''
  })
  return `{ __typename ${fields.join(' ')} }`
}

const schema = createSchema()
const roots = [
  ['query', schema.getQueryType()],
  ['mutation', schema.getMutationType()],
  ['subscription', schema.getSubscriptionType()],
] as const

/** Every field of the schema's roots, so an operation that is added is fuzzed without a change here. */
const operations = roots.flatMap(([kind, type]) =>
  Object.values(type?.getFields() ?? {}).map((field) => operationOf(kind, field)),
)

function operationOf(kind: string, field: GraphQLField<unknown, unknown>): fc.Arbitrary<FuzzRequest> {
  const args = field.args.map(({ name, type }) => [name, anyOf(type, name)] as const)
  const given = fc.record(Object.fromEntries(args), {
    requiredKeys: field.args.filter(({ type }) => isNonNullType(type)).map(({ name }) => name),
  })
  const declared = field.args.map(({ name, type }) => `$${name}: ${type}`).join(', ')
  const passed = field.args.map(({ name }) => `${name}: $${name}`).join(', ')
  return fc.tuple(given, fc.integer({ min: 0, max: 2 }), fc.boolean()).map(([values, depth, isLiteral]) => {
    const selection = selectionOf(field.type, depth)
    if (!isLiteral) {
      const head = declared && `(${declared})`
      return graphql(`${kind} ${head} { ${field.name}${passed && `(${passed})`} ${selection} }`, values)
    }
    const literals = Object.entries(values).map(([name, value]) => `${name}: ${literalOf(value)}`)
    return graphql(`${kind} { ${field.name}${literals.length > 0 ? `(${literals.join(', ')})` : ''} ${selection} }`)
  })
}

function literalOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literalOf).join(', ')}]`
  if (typeof value === 'string' && /^[A-Z]+_[A-Z_]+$/.test(value)) return value
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{ ${Object.entries(value)
    .map(([name, one]) => `${name}: ${literalOf(one)}`)
    .join(', ')} }`
}

const grants = fc.constantFrom('refresh_token', 'client_credentials', 'password', '_kerberos')
const fieldOf = (name: string) =>
  name === 'grant_type' ? fc.oneof(grants, text) : fc.oneof({ weight: 8, arbitrary: textOf(name) }, anything)
const withFields = (...names: readonly string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, fieldOf(name)])))

/** The fields of requests that are right, so that what is behind the first check is reached; then any fields. */
const esFields = {
  DELETE: [
    withFields('token'),
    withFields('refresh_token'),
    withFields('realm_name'),
    withFields('username'),
    withFields('realm_name', 'username'),
  ],
  POST: [
    fc.record({ grant_type: fc.constant('client_credentials') }),
    fc.record({ grant_type: fc.constant('refresh_token'), refresh_token: fieldOf('refresh_token') }),
    fc.record({ grant_type: fc.constant('password'), username: text, password: fieldOf('password') }),
  ],
}
const esNames = ['token', 'refresh_token', 'realm_name', 'username', 'grant_type', 'password', 'scope', 'sub_id', 'x']
const anyFields = fc.record(Object.fromEntries(esNames.map((name) => [name, fieldOf(name)])), { requiredKeys: [] })
const subject = fc.record({
  sub_id: fc.record(
    {
      format: fc.constantFrom('iss_sub', 'opaque', 'email', 'x'),
      iss: text,
      sub: text,
      id: text,
      email: text,
    },
    { requiredKeys: ['format'] },
  ),
})
const esPaths = fc.constantFrom('/_security/oauth2/token', '/_xpack/security/oauth2/token')
const inElasticsearch = fc.oneof(
  fc
    .constantFrom('POST' as const, 'DELETE' as const)
    .chain((method) =>
      fc
        .tuple(fc.oneof(...esFields[method], anyFields), esPaths)
        .map(([body, path]) => elasticsearch(method, body, path)),
    ),
  subject.map((body) => elasticsearch('POST', body, '/oauth2/global-token-revocation')),
)

const parameterOf = (name: string) =>
  (name === 'grant_type' ? fc.oneof(grants, text) : textOf(name)).map((value) => [name, value] as const)
const oauthNames = {
  '/oauth2/revoke': ['token', 'token_type_hint'],
  '/oauth2/introspect': ['token', 'token_type_hint'],
  '/oauth2/token': ['grant_type', 'refresh_token', 'scope'],
} as const
const oauthPaths = ['/oauth2/revoke', '/oauth2/introspect', '/oauth2/token'] as const
const anyParameter = fc
  .constantFrom(
    ...oauthPaths.flatMap((path) => oauthNames[path]),
    'client_id',
    'client_secret',
    'client_assertion',
    'x',
  )
  .chain(parameterOf)
/** The parameters that the route has, most of the time each once; then any others. */
const inOAuth = fc
  .constantFrom(...oauthPaths)
  .chain((path) =>
    fc.tuple(
      fc.constant(path),
      fc.tuple(...oauthNames[path].map((name) => fc.option(parameterOf(name), { freq: 8, nil: undefined }))),
      fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(anyParameter, { maxLength: 4 })),
    ),
  )
  .map(([path, own, others]) => form(path, [...own.flatMap((one) => (one === undefined ? [] : [one])), ...others]))

const ways = {
  'random: GraphQL': fc.oneof(...operations),
  'random: GraphQL, full path': fc.oneof(...operations).map(fromPage),
  'random: Elasticsearch': inElasticsearch,
  'random: OAuth': inOAuth,
}

/** Any request of any dialect by any caller. It shrinks. */
export const randomInput: fc.Arbitrary<FuzzInput> = fc
  .tuple(
    fc.oneof(...Object.entries(ways).map(([name, requests]) => requests.map((request) => ({ name, request })))),
    fc.constantFrom(...callerNames),
  )
  .map(([{ name, request }, caller]) => ({
    class: name,
    caller,
    holdsToken: holdsToken(request),
    request: (tokens) => withTokens(request, tokens),
  }))

function holdsToken({ body }: FuzzRequest): boolean {
  return typeof body === 'string' && /(?:<<|%3C%3C)(?:access|refresh)(?:>>|%3E%3E)/.test(body)
}

function withTokens(request: FuzzRequest, tokens: Tokens): FuzzRequest {
  if (typeof request.body !== 'string') return request
  const body = request.body.replaceAll(/(?:<<|%3C%3C)(\w+)(?:>>|%3E%3E)/g, (whole, name: string) =>
    isToken(name, tokens) ? tokens[name] : whole,
  )
  return { ...request, body }
}

function isToken(name: string, tokens: Tokens): name is keyof Tokens {
  return Object.hasOwn(tokens, name)
}
