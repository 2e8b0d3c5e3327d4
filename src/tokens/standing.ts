import { type ActiveToken, serviceScopes } from './caller.ts'
import type { StoredClient } from './clients.ts'
import type { TokensDependencies } from './dependencies.ts'

/**
 * The token, with what it may still do here: a scope of ours is good for as long as the client that it came from has it,
 * is not disabled, and has the secret that it had then.
 *
 * A client that is shut out must not live on in a token that it gave itself, nor in those that this one has created,
 * however often they were refreshed. (One that is not known has its scopes from the program around: what becomes of
 * them is decided there.)
 */
export async function withStandingScopes(mind: TokensDependencies, token: ActiveToken): Promise<ActiveToken> {
  const client = token.scopes.some(isOurs) ? await mind.clients.findClient(token.clientId) : undefined
  if (client === undefined) return token
  const standing = standingScopes(client, token.session.id)
  return { ...token, scopes: token.scopes.filter((scope) => !isOurs(scope) || standing.includes(scope)) }
}

function standingScopes({ scopes, disabledAt, standingSince = 0 }: StoredClient, sessionId: number): readonly string[] {
  return disabledAt === undefined && sessionId >= standingSince ? scopes : []
}

function isOurs(scope: string): boolean {
  return serviceScopes.some((ours) => ours === scope)
}
