/** What a composer can be told beside the schema itself. None is, unless it is asked for: not every gateway takes each. */
export const optionalDirectives = ['authenticated', 'tag', 'cost'] as const
export type OptionalDirective = (typeof optionalDirectives)[number]

const page = '@listSize(slicingArguments: ["first"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)'

/**
 * Where each one stands, by schema coordinate. They inform gateways; what a caller may do is decided in `tokens`.
 *
 * - `authenticated`: what needs a caller. Not what a token in hand is enough for: to log out with an expired access
 *   token must work. A supergraph with it does not load in `@apollo/gateway`, only in routers that enforce it.
 * - `tag`: `internal` is for trusted services, and no business of a contract for browsers.
 * - `cost`: a durable commit, against the 1 of a look-up; a page, by what it may hold. Federation has the weight as an
 *   Int, where IBM's specification has a String.
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
