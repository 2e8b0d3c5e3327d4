import { type ActiveToken, type Caller, type ServiceScope, serviceScopes } from './caller.ts'
import type { ClientStore } from './client-store.ts'
import type { StoredClient } from './clients.ts'

interface ScopeDependencies {
  readonly clients: Pick<ClientStore, 'findClient'>
}

/**
 * The token, with only those service scopes that are still valid. A service scope is valid while the client that
 * created the session has that scope, is not disabled, and has not been given another secret since the session began.
 *
 * Otherwise a disabled client could go on through a token that it issued to itself, or through tokens created with that
 * one, however often they were refreshed. If the client is not in the store, or was deleted, no service scope is valid:
 * nothing could take it away any more.
 */
export async function withCurrentScopes(dependencies: ScopeDependencies, token: ActiveToken): Promise<ActiveToken> {
  if (!token.scopes.some(isServiceScope)) return token
  const client = await dependencies.clients.findClient(token.clientId)
  const currentScopes = client === undefined ? [] : currentScopesOf(client, token.session.id)
  return { ...token, scopes: token.scopes.filter((scope) => !isServiceScope(scope) || currentScopes.includes(scope)) }
}

/**
 * For streams, which outlast the request: answers a function that checks whether the caller still has this scope. The
 * stream calls it before each event. The scope is lost once the client responsible for the caller is disabled, loses
 * the scope, or is given another secret.
 */
export async function watchScope(
  dependencies: ScopeDependencies,
  caller: Caller,
  scope: ServiceScope,
): Promise<() => Promise<boolean>> {
  if (caller.kind === 'owner')
    return async () => (await withCurrentScopes(dependencies, caller.token)).scopes.includes(scope)
  const before = caller.kind === 'client' ? await dependencies.clients.findClient(caller.clientId) : undefined
  if (caller.kind !== 'client' || before === undefined) return async () => true
  const { credentialRevision = before.scopesValidFrom ?? 0 } = caller
  return async () => {
    const now = await dependencies.clients.findClient(before.id)
    const isUnchanged =
      now !== undefined && now.disabledAt === undefined && (now.scopesValidFrom ?? 0) <= credentialRevision
    return isUnchanged && now.scopes.includes(scope)
  }
}

function currentScopesOf(
  { scopes, disabledAt, scopesValidFrom = 0 }: StoredClient,
  sessionId: number,
): readonly string[] {
  return disabledAt === undefined && sessionId >= scopesValidFrom ? scopes : []
}

function isServiceScope(scope: string): boolean {
  return serviceScopes.some((serviceScope) => serviceScope === scope)
}
