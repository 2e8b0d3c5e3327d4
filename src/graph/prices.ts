/**
 * What an operation may cost, by schema coordinate. This service enforces it, and its SDL can say the same to gateways
 * (`@cost`, `@listSize`).
 *
 * The terms are those of IBM's cost specification: an object costs 1 each time that it may be answered, some fields
 * cost more, and a page multiplies what is selected in its entries by the number of entries that it may hold.
 *
 * @see https://ibm.github.io/graphql-specs/cost-spec.html
 */

/** A durable commit costs 10, compared with 1 for a look-up. */
const commit = 10

/** The fields that cost something else than 1. */
export const costs: ReadonlyMap<string, number> = new Map(
  [
    'Mutation.createTokenPair',
    'Mutation.refreshTokenPair',
    'Mutation.invalidateToken',
    'Mutation.createTokenClient',
    'Mutation.rotateTokenClientSecret',
    'Mutation.replaceTokenClientSecret',
    'Mutation.updateTokenClient',
    'Mutation.disableTokenClient',
    'Mutation.enableTokenClient',
    'Mutation.deleteTokenClient',
  ].map((mutation) => [mutation, commit]),
)

/** The fields that answer a page. Their argument `sizeArgument` says how many entries `sizedFields` may hold. */
export const pages: ReadonlySet<string> = new Set([
  'Query.mySessions',
  'Query.revocations',
  'Query.tokenClients',
  'Query.tokenSessions',
  'TokenOwner.sessions',
])
export const sizeArgument = 'first'
export const sizedFields: ReadonlySet<string> = new Set(['edges', 'nodes'])

/** The fields that answer one object for each element of an argument. */
export const sizedByArgument: ReadonlyMap<string, string> = new Map([['Query._entities', 'representations']])

/** An object of introspection: it is in memory, so it needs no look-up. */
export const introspectionCost = 0.1

/** About how many objects the lists of introspection hold, for this schema. The other lists of objects hold few. */
export const listSizes: ReadonlyMap<string, number> = new Map([
  ['__Schema.types', 70],
  ['__Schema.directives', 8],
  ['__Type.fields', 5],
  ['__Type.inputFields', 2],
  ['__Type.enumValues', 2],
])
