import { costs, pages, sizeArgument, sizedFields } from './prices.ts'

/** Optional directives of the SDL. None is included unless it is configured: not every gateway accepts each of them. */
export const optionalDirectives = ['authenticated', 'tag', 'cost'] as const
export type OptionalDirective = (typeof optionalDirectives)[number]

const listSize = `@listSize(slicingArguments: ["${sizeArgument}"], sizedFields: ${JSON.stringify([...sizedFields]).replaceAll(',', ', ')}, requireOneSlicingArgument: false)`

/**
 * Where each directive is applied, by schema coordinate. They only inform gateways: what a caller may do is decided in
 * `tokens`.
 *
 * - `authenticated`: fields that need an authenticated caller. Not fields for which holding a token is enough: logging
 *   out with an expired access token must work. A supergraph with it does not load in `@apollo/gateway`, only in
 *   routers that enforce it.
 * - `tag`: `internal` marks fields for trusted services, which a contract for browsers leaves out.
 * - `cost`: the prices that this service enforces. Federation declares the weight as an Int, IBM's specification as a
 *   String.
 */
export const placements: Readonly<Record<OptionalDirective, Readonly<Record<string, string>>>> = {
  authenticated: {
    'Mutation.createTokenPair': '@authenticated',
    'Mutation.createTokenClient': '@authenticated',
    'Mutation.rotateTokenClientSecret': '@authenticated',
    'Mutation.replaceTokenClientSecret': '@authenticated',
    'Mutation.updateTokenClient': '@authenticated',
    'Mutation.disableTokenClient': '@authenticated',
    'Mutation.enableTokenClient': '@authenticated',
    'Mutation.deleteTokenClient': '@authenticated',
    'Query.introspectToken': '@authenticated',
    'Query.mySessions': '@authenticated',
    'Query.revocations': '@authenticated',
    'Query.tokenClient': '@authenticated',
    'Query.tokenClients': '@authenticated',
    'Query.tokenSessions': '@authenticated',
    'Subscription.revocationFeed': '@authenticated',
    'Subscription.tokenInvalidated': '@authenticated',
    'TokenOwner.sessions': '@authenticated',
  },
  tag: {
    'Mutation.createTokenPair': '@tag(name: "internal")',
    'Mutation.createTokenClient': '@tag(name: "internal")',
    'Mutation.rotateTokenClientSecret': '@tag(name: "internal")',
    'Mutation.replaceTokenClientSecret': '@tag(name: "internal")',
    'Mutation.updateTokenClient': '@tag(name: "internal")',
    'Mutation.disableTokenClient': '@tag(name: "internal")',
    'Mutation.enableTokenClient': '@tag(name: "internal")',
    'Mutation.deleteTokenClient': '@tag(name: "internal")',
    'Query.introspectToken': '@tag(name: "internal")',
    'Query.tokenClient': '@tag(name: "internal")',
    'Query.tokenClients': '@tag(name: "internal")',
    'Subscription.revocationFeed': '@tag(name: "internal")',
  },
  cost: {
    ...Object.fromEntries([...costs].map(([field, weight]) => [field, `@cost(weight: ${weight})`])),
    ...Object.fromEntries([...pages].map((field) => [field, listSize])),
  },
}
