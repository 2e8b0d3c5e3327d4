import { callerNames, type FuzzInput, type FuzzRequest, fromPage, graphql, type Tokens } from '../input.ts'

const times = (count: number, write: (index: number) => string, separator = ' ') =>
  Array.from({ length: count }, (_, index) => write(index)).join(separator)

/** Fragments of which each contains the next one twice: 2 to the power of `levels` fields. */
const bomb = (levels: number) =>
  `{ ...F0 } ${times(levels, (level) => `fragment F${level} on Query { ...F${level + 1} ...F${level + 1} }`)} fragment F${levels} on Query { __typename }`

/** Documents that are deep, wide, repeated or cyclic. */
const documents: readonly string[] = [
  ...[1, 15, 100, 101, 1_000, 5_000].map((count) => `{ ${times(count, (index) => `a${index}: __typename`)} }`),
  ...[100, 2_000, 20_000].map((count) => `{ ${times(count, () => '__typename')} }`),
  ...[5, 20, 100, 5_000, 20_000].map((depth) => '{ mySessions '.repeat(depth) + '}'.repeat(depth)),
  ...[5, 24].map(
    (depth) =>
      `{ mySessions { nodes { ${'owner { sessions { nodes { '.repeat(depth)} id ${'} } } '.repeat(depth)} } } }`,
  ),
  ...[10, 100, 5_000, 20_000].map(
    (depth) => `{ introspectToken(token: ${'['.repeat(depth)}${']'.repeat(depth)}) { active } }`,
  ),
  ...[10, 100, 5_000].map(
    (depth) => `{ introspectToken(token: ${'{a: '.repeat(depth)}1${'}'.repeat(depth)}) { active } }`,
  ),
  ...[10, 5_000, 100_000].map((depth) => '{'.repeat(depth)),
  ...[1, 5, 500, 5_000].map((count) => `{ __typename ${times(count, () => '@include(if: true)')} }`),
  ...[1, 500].map((count) => `{ __typename ${times(count, (index) => `@unknown${index}`)} }`),
  ...[4, 12, 20, 30].map(bomb),
  '{ ...A } fragment A on Query { ...A }',
  '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
  ...[10, 1_000].map(
    (count) => `{ ...F0 } ${times(count, (index) => `fragment F${index} on Query { ...F${(index + 1) % count} }`)}`,
  ),
  ...[2, 50, 2_000].map((count) => times(count, (index) => `query Q${index} { __typename }`)),
  'query A { __typename } query A { __typename }',
  ...[10, 1_000, 10_000].map((count) => `query (${times(count, (index) => `$v${index}: Int`)}) { __typename }`),
  'query ($a: Int = $b, $b: Int) { __typename }',
  'query ($input: InvalidateTokenInput! = {}) { __typename }',
  `{ ${'a'.repeat(100_000)} }`,
  `query ${'Q'.repeat(100_000)} { __typename }`,
  '{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }',
  '{ __type(name: "__proto__") { name } }',
  '{ _service { sdl } }',
  'subscription { tokenInvalidated { id } }',
  'subscription { a: tokenInvalidated { id } b: tokenInvalidated { id } }',
  'subscription { revocationFeed { cursor } }',
  'subscription { revocationFeed(after: "x") { cursor } }',
  'subscription { __typename }',
  'mutation { __typename }',
  'type Query { a: Int }',
  'extend type Query { a: Int } { __typename }',
  '{ __typename @defer }',
  'query @skip(if: true) { __typename }',
  'mutation { a: __typename b: __typename c: __typename }',
  `mutation { ${times(50, (index) => `m${index}: invalidateToken(input: { token: "x" }) { errorCount }`)} }`,
  ...[
    '',
    ' ',
    '#',
    '{',
    '}',
    '{}',
    '"',
    '"""',
    '\\',
    '{ a(',
    '{ a(b: "\\u',
    '{ a(b: "\\uD800") }',
    '{ a(b: """\0""") }',
    '\ufeff{ __typename }',
  ],
]

/** Documents with a secret in each place of the grammar. */
const secretPlaces: readonly ((secret: string) => string)[] = [
  (secret) => `{ ${secret} }`,
  (secret) => `{ ${nameOf(secret)} }`,
  (secret) => `{ __typename ${nameOf(secret)} }`,
  (secret) => `query ${nameOf(secret)} { nothing }`,
  (secret) => `{ __typename @${nameOf(secret)} }`,
  (secret) => `{ __typename @include(${nameOf(secret)}: true) }`,
  (secret) => `{ introspectToken(${nameOf(secret)}: "x") { active } }`,
  (secret) => `{ introspectToken(token: ${nameOf(secret)}) { active } }`,
  (secret) => `{ introspectToken(token: $${nameOf(secret)}) { active } }`,
  (secret) => `{ introspectToken(token: ["${secret}"]) { active } }`,
  (secret) => `{ introspectToken(token: { a: "${secret}" }) { active } }`,
  (secret) => `{ introspectToken(token: "${secret}") { nothing } }`,
  (secret) => `{ introspectToken(token: "${secret}", token: "${secret}") { active } }`,
  (secret) => `{ introspectToken(token: "${secret}" }`,
  (secret) => `{ introspectToken(token: """${secret}""") { active } }`,
  (secret) => `{ introspectToken(token: "${secret}`,
  (secret) => `{ ...${nameOf(secret)} }`,
  (secret) => `fragment ${nameOf(secret)} on Query { __typename } { __typename }`,
  (secret) => `{ ... on ${nameOf(secret)} { __typename } }`,
  (secret) => `query ($a: ${nameOf(secret)}) { __typename }`,
  (secret) => `query ($${nameOf(secret)}: Int) { __typename }`,
  (secret) => `query ($a: Int = "${secret}") { __typename }`,
  (secret) => `mutation { invalidateToken(input: { ${nameOf(secret)}: 1 }) { errorCount } }`,
  (secret) => `mutation { invalidateToken(input: { token: "${secret}", refreshToken: "${secret}" }) { errorCount } }`,
  (secret) => `mutation { invalidateToken(input: { token: 1, owner: "${secret}" }) { errorCount } }`,
  (secret) =>
    `mutation { invalidateToken(input: { token: "x" }, options: { reason: ${nameOf(secret)} }) { errorCount } }`,
  (secret) =>
    `mutation { invalidateToken(input: { token: "x" }, options: { issuedBefore: "${secret}" }) { errorCount } }`,
  (secret) =>
    `mutation { invalidateToken(input: { owner: { realmName: "r" } }, options: { expectAtMost: "${secret}" }) { errorCount } }`,
  (secret) => `mutation { invalidateToken(input: { everything: "${secret}" }) { errorCount } }`,
  (secret) => `mutation { refreshTokenPair(input: "${secret}") { __typename } }`,
  (secret) => `mutation { createTokenClient(input: { id: "c", scopes: [1], secret: "${secret}" }) { __typename } }`,
  (secret) => `# ${secret}\n{ nothing }`,
]

/** A name of GraphQL with all of the secret's letters: `-` is not allowed in one. */
function nameOf(secret: string): string {
  return secret.replaceAll('-', '_')
}

const secretsOf: readonly ((tokens: Tokens) => string)[] = [
  ({ plantedAccess }) => plantedAccess,
  ({ plantedSecret }) => plantedSecret,
  ({ chosenSecret }) => chosenSecret,
]

const byBothPaths = (request: FuzzRequest): readonly FuzzRequest[] => [request, fromPage(request)]

const large: readonly FuzzInput[] = documents.flatMap((document) =>
  (['anonymous', 'client all', 'owner'] as const).flatMap((caller) =>
    byBothPaths(graphql(document)).map(
      (request): FuzzInput => ({ class: 'documents', caller, request: () => request }),
    ),
  ),
)

const withSecrets: readonly FuzzInput[] = secretPlaces.flatMap((place) =>
  secretsOf.flatMap((secretOf) =>
    [graphql, (query: string) => fromPage(graphql(query))].map(
      (send): FuzzInput => ({
        class: 'documents with secrets',
        caller: 'client all',
        request: (tokens) => send(place(secretOf(tokens))),
      }),
    ),
  ),
)

/** What each caller may not do, with the innocent owner as its target. */
const targets = [
  'mutation { invalidateToken(input: { owner: { realmName: "innocent" } }) { invalidatedTokens } }',
  'mutation { invalidateToken(input: { owner: { username: "innocent" } }) { invalidatedTokens } }',
  'mutation { invalidateToken(input: { everything: true }) { invalidatedTokens } }',
  'mutation { invalidateToken(input: { client: "login" }) { invalidatedTokens } }',
  'mutation { deleteTokenClient(input: { id: "login" }) { __typename } }',
  'mutation { disableTokenClient(input: { id: "login" }) { __typename } }',
  'mutation { replaceTokenClientSecret(input: { id: "login", endSessions: true }) { __typename } }',
  'mutation { createTokenPair(input: { realmName: "innocent", username: "innocent" }) { accessToken } }',
  'mutation { createTokenClient(input: { id: "mine", scopes: ["manage_token"] }) { __typename } }',
]

const withoutRights: readonly FuzzInput[] = targets.flatMap((target) =>
  callerNames
    .filter((caller) => caller !== 'client all')
    .flatMap((caller) =>
      byBothPaths(graphql(target)).map(
        (request): FuzzInput => ({ class: 'without rights', caller, request: () => request }),
      ),
    ),
)

export const documentInputs: readonly FuzzInput[] = [...large, ...withSecrets, ...withoutRights]
