/**
 * The operations of a guard, byte for byte: the service takes a short way for them. Sent by `from-service.ts`, known by
 * `src/http/graphql/guard-stream.ts`.
 */
export const followDocument =
  'subscription FollowForGuard($after: ID) { revocationFeed(after: $after, forGuard: true) { cursor hasGap epoch block arrivedAt readAt isComplete } }'

export const introspectDocument =
  'query IntrospectForGuard($token: String!) { introspectToken(token: $token) { active realmName username clientId scopes issuedAt expiresAt session { id } } }'
