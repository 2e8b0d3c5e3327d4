import type { Caller } from './caller.ts'
import { authenticateClient } from './clients.ts'
import type { TokensDependencies } from './dependencies.ts'
import { TokenServiceError } from './errors.ts'
import { introspectPresented } from './introspect.ts'
import { readToken } from './token.ts'

/** What a caller authenticates with: an access token, or a client's id and secret. */
export type Credentials =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'client'; readonly id: string; readonly secret: string }

/** @throws TokenServiceError ERR_UNAUTHENTICATED */
export async function authenticate(dependencies: TokensDependencies, credentials: Credentials): Promise<Caller> {
  if (credentials.kind === 'client') {
    const presented = { ...credentials, at: dependencies.clock() }
    const { id, scopes, scopesValidFrom = 0 } = await authenticateClient(dependencies.clients, presented)
    return { kind: 'client', clientId: id, scopes, credentialRevision: scopesValidFrom }
  }
  const presented = readToken(credentials.token)
  // A refresh token is not a credential: it can only be exchanged for a new pair.
  const found = presented?.half === 'access' ? await introspectPresented(dependencies, presented) : undefined
  if (!found?.active)
    throw new TokenServiceError('ERR_UNAUTHENTICATED', 'The access token is not valid; refresh it, or log in again.')
  return { kind: 'owner', token: found }
}
