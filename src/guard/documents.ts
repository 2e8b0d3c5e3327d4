/**
 * The operations of a guard, byte for byte. Sent by `from-service.ts`; `src/http/graphql/guard-stream.ts` knows the first
 * one, and writes its events without graphql-js.
 */
export const followDocument =
  'subscription FollowForGuard($after: ID) { revocationFeed(after: $after, forGuard: true) { cursor hasGap epoch block arrivedAt readAt isComplete } }'

export const introspectDocument =
  'query IntrospectForGuard($token: String!) { introspectToken(token: $token) { active realmName username clientId scopes issuedAt expiresAt session { id } } }'
