import type { SweepScope } from './coverage.ts'
import { TokenServiceError } from './errors.ts'
import { badInput } from './input-fault.ts'
import { type Owner, subjectOf } from './owner.ts'
import type { Authority, Session } from './store.ts'
import type { PairKey } from './token.ts'

/**
 * The scopes that this service acts on. Any other scope in a token is passed through for the application to interpret.
 */
export const serviceScopes = [
  'create_token',
  'introspect_token',
  'manage_token',
  'follow_revocations',
  'manage_clients',
] as const
export type ServiceScope = (typeof serviceScopes)[number]

/** Who makes a request. Wrong credentials are an error and never become an anonymous caller. */
export type Caller = AnonymousCaller | ClientCaller | OwnerCaller | OperatorCaller

export type KnownCaller = Exclude<Caller, AnonymousCaller>

export interface AnonymousCaller {
  readonly kind: 'anonymous'
}

export interface ClientCaller {
  readonly kind: 'client'
  readonly clientId: string
  readonly scopes: readonly string[]
  /**
   * The client's `scopesValidFrom` when it authenticated, 0 if it had none: once the client is given another secret or
   * is disabled, this caller creates nothing any more. Undefined for a caller that a program made by itself: it is
   * refused only while the client is disabled or deleted.
   */
  readonly credentialRevision?: number | undefined
}

/** The contents of a token that is valid now. */
export interface ActiveToken {
  readonly active: true
  /** The pair that the token belongs to. */
  readonly pair: PairKey
  readonly session: Session
  readonly scopes: readonly string[]
  readonly issuedAt: Date
  readonly expiresAt: Date
  /** The client that asked for the session. */
  readonly clientId: string
}

/** A caller that authenticates with a valid access token. */
export interface OwnerCaller {
  readonly kind: 'owner'
  readonly token: ActiveToken
}

/** The person at the command line, who has direct access to the database. No HTTP route creates this caller. */
export interface OperatorCaller {
  readonly kind: 'operator'
  /** The name of the account on the machine. */
  readonly name: string
}

export const anonymous: AnonymousCaller = { kind: 'anonymous' }

/** The name of a caller in the revocation log. It contains no secret. */
export function callerLabel(caller: Caller): string {
  switch (caller.kind) {
    case 'anonymous':
      return 'anonymous'
    case 'client':
      return `client:${caller.clientId}`
    case 'owner':
      return ownerLabel(caller.token.session.owner)
    case 'operator':
      return `operator:${caller.name}`
    default:
      return caller satisfies never
  }
}

/** The name of an owner in the revocation log. */
export function ownerLabel(owner: Owner): string {
  return `owner:${subjectOf(owner)}`
}

/**
 * Requires a caller that has this scope. `action` completes the error message: "To <action>, …".
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN
 */
export function assertScope(caller: Caller, scope: ServiceScope, action: string): asserts caller is KnownCaller {
  if (caller.kind === 'anonymous')
    throw new TokenServiceError(
      'ERR_UNAUTHENTICATED',
      `To ${action}, authenticate as a client with the scope ${scope}.`,
    )
  if (!hasScope(caller, scope))
    throw new TokenServiceError(
      'ERR_FORBIDDEN',
      `To ${action}, the scope ${scope} is needed; this caller does not have it.`,
    )
}

/** The client responsible for a caller: the caller itself, or the client that created the owner's session. */
export function clientOf(caller: KnownCaller): string {
  switch (caller.kind) {
    case 'client':
      return caller.clientId
    case 'owner':
      return caller.token.clientId
    case 'operator':
      return callerLabel(caller)
    default:
      return caller satisfies never
  }
}

/**
 * The client responsible for a caller, and the revision up to which the caller's credentials are known to be good: the
 * store refuses what it asks for if the client was disabled, deleted or given another secret after that.
 */
export function authorityOf(caller: KnownCaller): Authority {
  const clientId = clientOf(caller)
  switch (caller.kind) {
    case 'client':
      return { clientId, credentialRevision: caller.credentialRevision }
    case 'owner':
      return { clientId, credentialRevision: caller.token.session.id }
    case 'operator':
      return { clientId, credentialRevision: undefined }
    default:
      return caller satisfies never
  }
}

/** @throws TokenServiceError ERR_UNAUTHENTICATED, always */
export function refuseOutdated(): never {
  throw new TokenServiceError(
    'ERR_UNAUTHENTICATED',
    'The client was disabled, deleted or given another secret after this request authenticated.',
  )
}

/** The scopes that a caller can pass on; undefined for an operator, who can pass on all. */
export function heldScopesOf(caller: KnownCaller): readonly string[] | undefined {
  return caller.kind === 'operator' ? undefined : scopesOf(caller)
}

/**
 * A caller can put a service scope into a token only if it has that scope itself. Otherwise a caller that may only
 * create tokens could create one with `manage_token`.
 *
 * @throws TokenServiceError ERR_FORBIDDEN
 */
export function assertMayGrant(caller: KnownCaller, scopes: readonly string[]): void {
  const missing = serviceScopes.find((scope) => scopes.includes(scope) && !scopesOf(caller).includes(scope))
  if (missing !== undefined)
    throw new TokenServiceError('ERR_FORBIDDEN', `The scope ${missing} can only be granted by a caller that has it.`)
}

/**
 * Whether a caller may see and invalidate what belongs to this owner: the owner may, and any caller with
 * `manage_token`. To all other callers it must look unknown, so that the answer does not reveal whether it exists.
 */
export function mayAccess(caller: Caller, owner: Owner): boolean {
  if (hasScope(caller, 'manage_token')) return true
  return caller.kind === 'owner' && isSameOwner(caller.token.session.owner, owner)
}

/**
 * Requires a caller that may see and invalidate everything in this scope. An owner may for their own realm and
 * username; any other scope, or none, needs `manage_token`. A username alone covers that name in every realm, so it
 * always needs `manage_token`. The error does not reveal whether the name exists.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN
 */
export function assertMayAccess(caller: Caller, scope: SweepScope | undefined, action: string): void {
  if (scope?.kind === 'realm-user' && mayAccess(caller, scope)) return
  if (scope?.kind === 'realm-user' && caller.kind === 'anonymous')
    throw new TokenServiceError(
      'ERR_UNAUTHENTICATED',
      `To ${action}, authenticate as this owner, or as a client with the scope manage_token.`,
    )
  assertScope(caller, 'manage_token', action)
}

/** @throws TokenServiceError ERR_BAD_INPUT: the caller has no session, so there is none to keep */
export function currentSessionOf(caller: Caller): Session {
  if (caller.kind === 'owner') return caller.token.session
  throw badInput({
    field: 'keepCurrentSession',
    expected: 'only from a caller that authenticates by an access token',
    because: 'any other caller has no session to keep',
  })
}

/**
 * The access token that the caller authenticated with.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN: a client or an operator has none
 */
export function tokenOf(caller: Caller, action: string): ActiveToken {
  if (caller.kind === 'owner') return caller.token
  throw new TokenServiceError(
    caller.kind === 'anonymous' ? 'ERR_UNAUTHENTICATED' : 'ERR_FORBIDDEN',
    `To ${action}, authenticate as a token owner (\`Authorization: Bearer <access token>\`).`,
  )
}

export function hasScope(caller: Caller, scope: ServiceScope): boolean {
  return caller.kind !== 'anonymous' && scopesOf(caller).includes(scope)
}

/** An operator has every service scope. */
function scopesOf(caller: KnownCaller): readonly string[] {
  switch (caller.kind) {
    case 'client':
      return caller.scopes
    case 'owner':
      return caller.token.scopes
    case 'operator':
      return serviceScopes
    default:
      return caller satisfies never
  }
}

function isSameOwner(one: Owner, other: Owner): boolean {
  return one.realm === other.realm && one.username === other.username
}
