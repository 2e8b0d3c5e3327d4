import { type ActiveToken, type Caller, serviceScopes } from './caller.ts'
import { authenticateClient } from './clients.ts'
import type { TokensDependencies } from './dependencies.ts'
import { TokenServiceError } from './errors.ts'
import { introspectPresented } from './introspect.ts'
import { readToken } from './token.ts'

export type Credentials =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'client'; readonly id: string; readonly secret: string }

export async function authenticate(mind: TokensDependencies, credentials: Credentials): Promise<Caller> {
  if (credentials.kind === 'client') {
    const client = await authenticateClient(mind.clients, credentials.id, credentials.secret)
    return { kind: 'client', clientId: client.id, scopes: client.scopes }
  }
  const presented = readToken(credentials.token)
  // A refresh token is not a credential: it buys a pair and does nothing else.
  const found = presented?.half === 'access' ? await introspectPresented(mind, presented) : undefined
  if (!found?.active)
    throw new TokenServiceError('ERR_UNAUTHENTICATED', 'The access token is not valid; refresh it, or log in again.')
  return { kind: 'owner', token: await withStandingScopes(mind, found) }
}

/**
 * The token, with what it may still do here: a scope of ours is good for as long as the client that it came from has it.
 * A client that is shut out must not live on in a token, nor in those that this one has created, however often they
 * were refreshed. (One that is not known has its scopes from the program around: what becomes of them is decided there.)
 */
async function withStandingScopes(mind: TokensDependencies, token: ActiveToken): Promise<ActiveToken> {
  const isOurs = (scope: string) => serviceScopes.some((ours) => ours === scope)
  const client = token.scopes.some(isOurs) ? await mind.clients.findClient(token.clientId) : undefined
  if (client === undefined) return token
  const standing = client.disabledAt === undefined ? client.scopes : []
  return { ...token, scopes: token.scopes.filter((scope) => !isOurs(scope) || standing.includes(scope)) }
}
