import { serviceScopes } from '../tokens/caller.ts'
import { readSubject } from '../tokens/owner.ts'
import type { VerifiedClaims } from './api.ts'
import type { IntrospectedToken, KnownToken } from './known-token.ts'
import type { RevocableAccessToken } from './revocation-set.ts'

/** A token that this guard knows: what it says, and what decides whether it has ended. */
export interface Sighting {
  readonly token: KnownToken
  readonly revocable: RevocableAccessToken
  readonly expiresAtMs: number
}

/** What the service answered about a token, and its pair, which the token names itself. Undefined: it makes no sense. */
export function readIntrospected(found: IntrospectedToken, pairId: number): Sighting | undefined {
  const sessionId = readId(found.sessionId)
  return sessionId === undefined ? undefined : sightingOf(found, { pairId, sessionId, kind: 'opaque' })
}

/** Undefined for claims that are not those of our signed access tokens. */
export function readClaims({ jti, sid, sub, client_id, scope = '', iat, exp }: VerifiedClaims): Sighting | undefined {
  const owner = typeof sub === 'string' ? readSubject(sub) : undefined
  const [pairId, sessionId] = [readId(jti), readId(sid)]
  if (pairId === undefined || sessionId === undefined || owner === undefined) return undefined
  if (typeof client_id !== 'string' || typeof scope !== 'string') return undefined
  if (typeof iat !== 'number' || typeof exp !== 'number') return undefined
  const scopes = scope.split(' ').filter((name) => name !== '')
  const times = { issuedAt: new Date(iat * 1000), expiresAt: new Date(exp * 1000) }
  const names = { realmName: owner.realm, username: owner.username }
  const found = { ...names, ...times, sessionId: String(sessionId), clientId: client_id, scopes }
  return sightingOf(found, { pairId, sessionId, kind: 'signed' })
}

function sightingOf(
  { realmName, username, clientId, scopes, issuedAt, expiresAt, sessionId: shownId }: IntrospectedToken,
  {
    pairId,
    sessionId,
    kind,
  }: { readonly pairId: number; readonly sessionId: number; readonly kind: KnownToken['kind'] },
): Sighting {
  const applicationScopes = scopes.filter((scope) => !serviceScopes.some((one) => one === scope))
  return {
    token: { realmName, username, sessionId: shownId, clientId, scopes: applicationScopes, issuedAt, expiresAt, kind },
    revocable: { pairId, sessionId, realmName, username, clientId },
    expiresAtMs: expiresAt.getTime(),
  }
}

function readId(value: unknown): number | undefined {
  const id = typeof value === 'string' && /^[1-9]\d{0,15}$/.test(value) ? Number(value) : undefined
  return Number.isSafeInteger(id) ? id : undefined
}
