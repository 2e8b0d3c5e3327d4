import { type ActiveToken, type Caller, type ServiceScope, serviceScopes } from './caller.ts'
import type { ClientStore, StoredClient } from './clients.ts'

interface ScopeDependencies {
  readonly clients: Pick<ClientStore, 'findClient'>
}

/**
 * The token, with what it may still do here: a scope of ours is good for as long as the client that it came from has it,
 * is not disabled, and has the secret that it had then.
 *
 * A client that is shut out must not live on in a token that it gave itself, nor in those that this one has created,
 * however often they were refreshed. (One that is not known has its scopes from the program around: what becomes of
 * them is decided there.)
 */
export async function withCurrentScopes(dependencies: ScopeDependencies, token: ActiveToken): Promise<ActiveToken> {
  const client = token.scopes.some(isOurs) ? await dependencies.clients.findClient(token.clientId) : undefined
  if (client === undefined) return token
  const standing = currentScopesOf(client, token.session.id)
  return { ...token, scopes: token.scopes.filter((scope) => !isOurs(scope) || standing.includes(scope)) }
}

/**
 * For what outlasts a request: answers what to ask before each use, whether the caller still has a scope. It is gone once
 * the client behind it is disabled, loses it, or is given another secret.
 */
export async function watchScope(
  dependencies: ScopeDependencies,
  caller: Caller,
  scope: ServiceScope,
): Promise<() => Promise<boolean>> {
  if (caller.kind === 'owner')
    return async () => (await withCurrentScopes(dependencies, caller.token)).scopes.includes(scope)
  const before = caller.kind === 'client' ? await dependencies.clients.findClient(caller.clientId) : undefined
  if (before === undefined) return async () => true
  return async () => {
    const now = await dependencies.clients.findClient(before.id)
    const isAsBefore =
      now !== undefined && now.disabledAt === undefined && now.scopesValidFrom === before.scopesValidFrom
    return isAsBefore && now.scopes.includes(scope)
  }
}

function currentScopesOf(
  { scopes, disabledAt, scopesValidFrom = 0 }: StoredClient,
  sessionId: number,
): readonly string[] {
  return disabledAt === undefined && sessionId >= scopesValidFrom ? scopes : []
}

function isOurs(scope: string): boolean {
  return serviceScopes.some((ours) => ours === scope)
}
