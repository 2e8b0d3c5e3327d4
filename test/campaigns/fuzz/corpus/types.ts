import { elasticsearch, type FuzzInput, type FuzzRequest, graphql, operations, type Tokens } from '../input.ts'
import { prototypes } from '../texts.ts'

const numbers = [
  '-1',
  '0',
  '-0',
  '1',
  '101',
  '2147483647',
  '2147483648',
  '-2147483649',
  '9007199254740993',
  '1e309',
].concat(['1e-400', '0.5', '1e2', '123456789012345678901234567890'])

const takingNumbers: readonly ((number: string) => string)[] = [
  (first) =>
    `{ "query": ${JSON.stringify(operations.sessions)}, "variables": { "filter": { "client": "a" }, "first": ${first} } }`,
  (atMost) =>
    `{ "query": ${JSON.stringify(operations.invalidate)}, "variables": { "input": { "everything": true }, "options": { "dryRun": true, "expectAtMost": ${atMost} } } }`,
  (session) =>
    `{ "query": ${JSON.stringify(operations.invalidate)}, "variables": { "input": { "session": ${session} } } }`,
  (id) => `{ "query": ${JSON.stringify(operations.client)}, "variables": { "id": ${id} } }`,
  (token) => `{ "query": ${JSON.stringify(operations.introspect)}, "variables": { "token": ${token} } }`,
]

const asNumbers: readonly FuzzInput[] = numbers.flatMap((number) =>
  [...takingNumbers.map((write) => write(number)), ...takingNumbers.map((write) => write(`"${number}"`))].map(
    (body): FuzzInput => ({
      class: 'numbers',
      caller: 'client all',
      request: () => ({ ...graphql(''), body }),
    }),
  ),
)

/** Values of the wrong type, with a secret in them wherever one fits. */
const wrongValues: readonly ((tokens: Tokens) => unknown)[] = [
  () => null,
  () => true,
  () => 12,
  () => [],
  () => ({}),
  ({ plantedAccess }) => [plantedAccess],
  ({ plantedRefresh }) => [[plantedRefresh]],
  ({ plantedAccess }) => ({ token: plantedAccess }),
  ({ plantedAccess }) => ({ token: { token: plantedAccess } }),
  ({ plantedAccess }) => ({ [plantedAccess]: 1 }),
  ({ plantedSecret }) => ({ [plantedSecret]: plantedSecret }),
  ({ chosenSecret }) => ({ [chosenSecret]: [chosenSecret] }),
  ({ plantedAccess }) => ({ token: plantedAccess, refreshToken: plantedAccess }),
  ({ chosenSecret }) => ({ token: chosenSecret, refreshToken: chosenSecret }),
  ({ plantedRefresh }) => ({ refreshToken: plantedRefresh, extra: plantedRefresh }),
  ({ plantedAccess }) =>
    JSON.parse(
      `{ "__proto__": { "polluted": "${plantedAccess}" }, "constructor": { "prototype": { "polluted": 1 } } }`,
    ),
]

const takingValues: readonly ((value: unknown) => FuzzRequest)[] = [
  (input) => graphql(operations.create, { input }),
  (input) => graphql(operations.refresh, { input }),
  (input) => graphql(operations.invalidate, { input }),
  (owner) => graphql(operations.invalidate, { input: { owner } }),
  (token) => graphql(operations.invalidate, { input: { token } }),
  (options) => graphql(operations.invalidate, { input: { token: 'x' }, options }),
  (token) => graphql(operations.introspect, { token }),
  (input) => graphql(operations.createClient, { input }),
  (filter) => graphql(operations.sessions, { filter }),
  (representation) =>
    graphql('query ($of: [_Any!]!) { _entities(representations: $of) { __typename } }', { of: [representation] }),
  (variables) => graphql('{ __typename }', variables),
  (extensions) => graphql('{ __typename }', {}, { extensions }),
  (operationName) => graphql('{ __typename }', {}, { operationName }),
  (query) => ({ ...graphql(''), body: JSON.stringify({ query }) }),
  (body) => ({ ...graphql(''), body: JSON.stringify(body) }),
  (body) => elasticsearch('DELETE', body),
  (token) => elasticsearch('DELETE', { token }),
  (body) => elasticsearch('POST', body),
  (refresh_token) => elasticsearch('POST', { grant_type: 'refresh_token', refresh_token }),
  (sub_id) => elasticsearch('POST', { sub_id }, '/oauth2/global-token-revocation'),
]

const asWrongValues: readonly FuzzInput[] = wrongValues.flatMap((value) =>
  takingValues.map(
    (take): FuzzInput => ({ class: 'wrong types', caller: 'client all', request: (tokens) => take(value(tokens)) }),
  ),
)

/** Inputs of exactly one field with none, several or wrong ones. */
const shapes: readonly ((tokens: Tokens) => unknown)[] = [
  () => ({ token: null }),
  () => ({ token: null, refreshToken: null, owner: null }),
  () => ({ owner: {} }),
  () => ({ owner: null }),
  () => ({ owner: { realmName: '' } }),
  () => ({ owner: { username: ' ' } }),
  () => ({ owner: { realmName: '*' } }),
  () => ({ owner: { realmName: '%' } }),
  () => ({ owner: { realmName: null, username: null } }),
  () => ({ owner: { realmName: 'r', username: null } }),
  () => ({ owner: { realmUser: {} } }),
  () => ({ owner: { realmUser: { realmName: 'r' } } }),
  () => ({ owner: { realmUser: { realmName: 'r', username: null } } }),
  () => ({ owner: { realmName: 'r', realmUser: { realmName: 'r', username: 'u' } } }),
  () => ({ everything: false }),
  () => ({ everything: null }),
  ({ plantedAccess }) => ({ tokem: plantedAccess }),
  ({ plantedAccess }) => ({ token: plantedAccess, everything: true }),
  ({ plantedRefresh }) => ({ refreshToken: plantedRefresh, owner: { realmName: 'innocent' } }),
]

const asShapes: readonly FuzzInput[] = shapes.flatMap((shape) =>
  (['client all', 'owner', 'anonymous'] as const).flatMap((caller): readonly FuzzInput[] => [
    { class: 'shapes', caller, request: (tokens) => graphql(operations.invalidate, { input: shape(tokens) }) },
    { class: 'shapes', caller, request: (tokens) => inLiteral(shape(tokens)) },
  ]),
)

/** The value as a literal of GraphQL: an object without quotes around its names. */
function inLiteral(value: unknown): FuzzRequest {
  const literal = JSON.stringify(value).replaceAll(/"(\w+)":/g, '$1: ')
  return graphql(`mutation { invalidateToken(input: ${literal}) { invalidatedTokens } }`)
}

const asKeys: readonly FuzzInput[] = prototypes.flatMap((key) => {
  const object = (value: unknown) => JSON.parse(`{ ${JSON.stringify(key)}: ${JSON.stringify(value)} }`)
  return [
    ...takingValues.map((take) => take(object({ polluted: true }))),
    ...takingValues.map((take) => take(key)),
  ].map((request): FuzzInput => ({ class: 'prototype keys', caller: 'client all', request: () => request }))
})

export const types: readonly FuzzInput[] = [...asNumbers, ...asWrongValues, ...asShapes, ...asKeys]
