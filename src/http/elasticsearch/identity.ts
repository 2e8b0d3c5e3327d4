import { type Caller, type ClientCaller, hasScope, type OwnerCaller } from '../../tokens/caller.ts'
import { clientRealm } from '../../tokens/clients.ts'
import { TokenServiceError } from '../../tokens/errors.ts'
import type { Owner } from '../../tokens/owner.ts'
import { readToken } from '../../tokens/token.ts'
import { type Authentication, authenticateHeader, splitHeader } from '../credentials.ts'
import { tokenExpired, unauthenticated, unauthorized, wrongCredentials } from './error.ts'

/** A caller that has authenticated. Elasticsearch's routes have no anonymous callers. */
export type Principal = ClientCaller | OwnerCaller

/**
 * The caller of the request.
 *
 * @throws ElasticsearchError 401. An access token that was valid once gets another answer than one that never was:
 * clients refresh for the first and log in for the second. (This reveals nothing new to a caller that has the token.)
 */
export async function identify(authentication: Authentication, request: Request): Promise<Principal> {
  const header = request.headers.get('authorization')
  const caller = await authenticateHeader(authentication, header).catch((error: unknown) => {
    throw isUnauthenticated(error) ? rejectionOf(header) : error
  })
  await authentication.limits.charge(caller, authentication.context)
  if (isPrincipal(caller)) return caller
  throw unauthenticated(`missing authentication credentials for REST request [${new URL(request.url).pathname}]`)
}

function isPrincipal(caller: Caller): caller is Principal {
  return caller.kind === 'client' || caller.kind === 'owner'
}

function isUnauthenticated(error: unknown): boolean {
  return error instanceof TokenServiceError && error.code === 'ERR_UNAUTHENTICATED'
}

function rejectionOf(header: string | null): Error {
  const { scheme, value } = splitHeader(header)
  const isOurs = scheme === 'bearer' && readToken(value)?.half === 'access'
  return isOurs ? tokenExpired() : unauthenticated(wrongCredentials)
}

/** @throws ElasticsearchError 403 */
export function assertManagesTokens(principal: Principal, action: 'create' | 'refresh' | 'invalidate'): void {
  if (hasScope(principal, 'manage_token')) return
  const { username } = ownerOf(principal)
  const roles = scopesOf(principal).join(',')
  throw unauthorized(
    `action [cluster:admin/xpack/security/token/${action}] is unauthorized for user [${username}] with effective roles [${roles}], this action is granted by the cluster privileges [manage_token]`,
  )
}

/** The owner of a token that the caller requests for itself. */
export function ownerOf(principal: Principal): Owner {
  return principal.kind === 'owner'
    ? principal.token.session.owner
    : { realm: clientRealm, username: principal.clientId }
}

export function scopesOf(principal: Principal): readonly string[] {
  return principal.kind === 'owner' ? principal.token.scopes : principal.scopes
}

/** A user as Elasticsearch describes one. Roles are our scopes; what this service does not know of owners is empty. */
export function describeUser(owner: Owner, scopes: readonly string[], authenticationType: string): object {
  const realm = { name: owner.realm, type: owner.realm === clientRealm ? 'client' : 'owner' }
  return {
    username: owner.username,
    roles: scopes,
    full_name: null,
    email: null,
    metadata: {},
    enabled: true,
    authentication_realm: realm,
    lookup_realm: realm,
    authentication_type: authenticationType,
  }
}

/** How the caller has authenticated, in Elasticsearch's terms. */
export function authenticationTypeOf({ headers }: Request): 'token' | 'api_key' | 'realm' {
  const { scheme } = splitHeader(headers.get('authorization'))
  if (scheme === 'bearer') return 'token'
  return scheme === 'apikey' ? 'api_key' : 'realm'
}
