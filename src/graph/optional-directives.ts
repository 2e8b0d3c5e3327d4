/** Optional directives of the SDL. None is included unless it is configured: not every gateway accepts each of them. */
export const optionalDirectives = ['authenticated', 'tag', 'cost'] as const
export type OptionalDirective = (typeof optionalDirectives)[number]

const page = '@listSize(slicingArguments: ["first"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)'

/**
 * Where each directive is applied, by schema coordinate. They only inform gateways: what a caller may do is decided in
 * `tokens`.
 *
 * - `authenticated`: fields that need an authenticated caller. Not fields for which holding a token is enough: logging
 *   out with an expired access token must work. A supergraph with it does not load in `@apollo/gateway`, only in
 *   routers that enforce it.
 * - `tag`: `internal` marks fields for trusted services, which a contract for browsers leaves out.
 * - `cost`: 10 for a durable commit, compared with 1 for a look-up; for a page, the number of entries that it may hold.
 *   Federation declares the weight as an Int, IBM's specification as a String.
 */
export const placements: Readonly<Record<OptionalDirective, Readonly<Record<string, string>>>> = {
  authenticated: {
    'Mutation.createTokenPair': '@authenticated',
    'Query.introspectToken': '@authenticated',
    'Query.mySessions': '@authenticated',
    'Query.revocations': '@authenticated',
    'Query.tokenSessions': '@authenticated',
    'Subscription.revocationFeed': '@authenticated',
    'Subscription.tokenInvalidated': '@authenticated',
    'TokenOwner.sessions': '@authenticated',
  },
  tag: {
    'Mutation.createTokenPair': '@tag(name: "internal")',
    'Query.introspectToken': '@tag(name: "internal")',
    'Subscription.revocationFeed': '@tag(name: "internal")',
  },
  cost: {
    'Mutation.createTokenPair': '@cost(weight: 10)',
    'Mutation.refreshTokenPair': '@cost(weight: 10)',
    'Mutation.invalidateToken': '@cost(weight: 10)',
    'Query.mySessions': page,
    'Query.revocations': page,
    'Query.tokenSessions': page,
    'TokenOwner.sessions': page,
  },
}
