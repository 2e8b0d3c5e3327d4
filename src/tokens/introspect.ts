import { type ActiveToken, assertScope, type Caller } from './caller.ts'
import { withCurrentScopes } from './current-scopes.ts'
import type { TokensDependencies } from './dependencies.ts'
import { sessionOf } from './pair.ts'
import { readTokenText } from './read-input.ts'
import type { StoredHalf } from './store.ts'
import { isSameDigest, type PresentedToken, readToken } from './token.ts'

/** RFC 7662 §2.2: an inactive answer says nothing else, so every reason for it looks the same. */
export type Introspection = { readonly active: false } | ActiveToken

const inactive: Introspection = { active: false }

/**
 * Whether a token of either kind is valid now. Needs the scope `introspect_token`.
 *
 * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
 */
export async function introspect(
  dependencies: TokensDependencies,
  token: string,
  caller: Caller,
): Promise<Introspection> {
  assertScope(caller, 'introspect_token', 'introspect a token')
  const presented = readToken(readTokenText('token', token))
  return presented === undefined ? inactive : introspectPresented(dependencies, presented)
}

/** Like `introspect`, for a token that was read already, without a check of the caller. */
export async function introspectPresented(
  dependencies: TokensDependencies,
  presented: PresentedToken,
): Promise<Introspection> {
  const pair = await dependencies.store.find(presented)
  const half = pair?.[presented.half]
  if (pair === undefined || half === undefined || !matchesHalf(half, presented)) return inactive
  const isSpent = presented.half === 'refresh' && pair.spent !== undefined
  if (half.isInvalidated || isSpent || half.expiresAt <= dependencies.clock()) return inactive
  const { slot, id, scopes, issuedAt, clientId } = pair
  const session = sessionOf(pair)
  const { expiresAt } = half
  return withCurrentScopes(dependencies, {
    active: true,
    pair: { slot, id },
    session,
    scopes,
    issuedAt,
    expiresAt,
    clientId,
  })
}

/**
 * A token carries its expiry for guards to read. The digest does not cover it, so a changed expiry must be refused
 * here.
 */
function matchesHalf(half: StoredHalf, presented: PresentedToken): boolean {
  return isSameDigest(half.digest, presented.digest) && half.expiresAt.getTime() === presented.expiresAt.getTime()
}
