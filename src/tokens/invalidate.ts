import { assertMayInvalidateOwner, type Caller, callerLabel } from './caller.ts'
import type { TokensDependencies } from './dependencies.ts'
import { type OwnerScope, readName, readTokenText } from './owner.ts'
import type { Attribution, InvalidationCounts } from './store.ts'
import { type Half, readToken } from './token.ts'

export type InvalidationTarget =
  | { readonly kind: 'access-token'; readonly token: string }
  | { readonly kind: 'refresh-token'; readonly token: string }
  | { readonly kind: 'owner'; readonly scope: OwnerScope }

/** What could not be ended, and why. */
export interface InvalidationError {
  readonly type: string
  readonly reason?: string
  readonly causedBy?: InvalidationError
}

export interface InvalidationAnswer extends InvalidationCounts {
  /** Our store ends all or nothing (and nothing is an exception), so only a source of tokens beside it can add here. */
  readonly errors: readonly InvalidationError[]
}

export async function invalidate(
  mind: TokensDependencies,
  target: InvalidationTarget,
  caller: Caller,
): Promise<InvalidationAnswer> {
  return { ...(await invalidateTarget(mind, target, caller)), errors: [] }
}

async function invalidateTarget(
  mind: TokensDependencies,
  target: InvalidationTarget,
  caller: Caller,
): Promise<InvalidationCounts> {
  const by = { at: mind.clock(), caller: callerLabel(caller) }
  switch (target.kind) {
    case 'access-token':
      return invalidateHalf(mind, 'access', readTokenText('token', target.token), by)
    case 'refresh-token':
      return invalidateHalf(mind, 'refresh', readTokenText('refreshToken', target.token), by)
    case 'owner': {
      const scope = readOwnerScope(target.scope)
      assertMayInvalidateOwner(caller, scope)
      return mind.store.invalidateOwner(scope, by)
    }
    default:
      return target satisfies never
  }
}

/** A token of the other kind is unknown here: whoever means the refresh token must say so. */
async function invalidateHalf(
  mind: TokensDependencies,
  half: Half,
  token: string,
  by: Attribution,
): Promise<InvalidationCounts> {
  const presented = readToken(token)
  const outcome = presented?.half === half ? await mind.store.invalidateHalf(presented, by) : 'unknown'
  return { invalidated: outcome === 'newly' ? 1 : 0, previouslyInvalidated: outcome === 'previously' ? 1 : 0 }
}

function readOwnerScope(scope: OwnerScope): OwnerScope {
  switch (scope.kind) {
    case 'realm':
      return { kind: 'realm', realm: readName('realmName', scope.realm) }
    case 'username':
      return { kind: 'username', username: readName('username', scope.username) }
    case 'realm-user':
      return {
        kind: 'realm-user',
        realm: readName('realmName', scope.realm),
        username: readName('username', scope.username),
      }
    default:
      return scope satisfies never
  }
}
