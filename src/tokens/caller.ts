import { TokenServiceError } from './errors.ts'
import { type Owner, type OwnerScope, subjectOf } from './owner.ts'
import type { Session } from './store.ts'
import type { PairKey } from './token.ts'

/** What a client, or an owner's token, may be allowed to do. Any other scope is the application's own business. */
export const serviceScopes = ['create_token', 'introspect_token', 'manage_token'] as const
export type ServiceScope = (typeof serviceScopes)[number]

/** Who makes a request. Bad credentials never end here: they are an error, not an anonymous caller. */
export type Caller = AnonymousCaller | ClientCaller | OwnerCaller | OperatorCaller

type KnownCaller = Exclude<Caller, AnonymousCaller>

export interface AnonymousCaller {
  readonly kind: 'anonymous'
}

export interface ClientCaller {
  readonly kind: 'client'
  readonly clientId: string
  readonly scopes: readonly string[]
}

/** What a live token says. */
export interface ActiveToken {
  readonly active: true
  /** The pair that it is half of. */
  readonly pair: PairKey
  readonly session: Session
  readonly scopes: readonly string[]
  readonly issuedAt: Date
  readonly expiresAt: Date
  /** The client that asked for the session. */
  readonly clientId: string
}

/** Whoever holds a live access token. */
export interface OwnerCaller {
  readonly kind: 'owner'
  readonly token: ActiveToken
}

/** Whoever has the database itself in hand, at the command line: no door makes one of a request. */
export interface OperatorCaller {
  readonly kind: 'operator'
  /** Of the account on the machine. */
  readonly name: string
}

export const anonymous: AnonymousCaller = { kind: 'anonymous' }

/** How the log names a caller: never with anything secret. */
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

export function ownerLabel(owner: Owner): string {
  return `owner:${subjectOf(owner)}`
}

/** @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN */
export function assertScope(caller: Caller, scope: ServiceScope, toDo: string): asserts caller is KnownCaller {
  if (caller.kind === 'anonymous')
    throw new TokenServiceError('ERR_UNAUTHENTICATED', `To ${toDo}, authenticate as a client with the scope ${scope}.`)
  if (!hasScope(caller, scope))
    throw new TokenServiceError(
      'ERR_FORBIDDEN',
      `To ${toDo}, the scope ${scope} is needed; this caller does not have it.`,
    )
}

/** The client behind a caller: itself, or the one that asked for the owner's session. */
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
 * Nobody hands out more than they have: our own scopes go into a token only if the caller holds them too. Without
 * this, whoever may create tokens could create one that may manage all of them.
 *
 * @throws TokenServiceError ERR_FORBIDDEN
 */
export function assertMayGrant(caller: KnownCaller, scopes: readonly string[]): void {
  const beyond = serviceScopes.find((scope) => scopes.includes(scope) && !scopesOf(caller).includes(scope))
  if (beyond !== undefined)
    throw new TokenServiceError('ERR_FORBIDDEN', `The scope ${beyond} can only be granted by a caller that has it.`)
}

/** An owner reaches what is theirs, an administrator all. To others it is as good as unknown, whatever it is. */
export function isWithinReach(caller: Caller, owner: Owner): boolean {
  if (hasScope(caller, 'manage_token')) return true
  return caller.kind === 'owner' && isSameOwner(caller.token.session.owner, owner)
}

/**
 * An owner may see and end what is theirs; all else by name (or without any) needs `manage_token`. A username alone
 * covers that name in every realm, so it is never "one's own". The refusal does not say whether the name exists.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN
 */
export function assertMayReach(caller: Caller, scope: OwnerScope | undefined, toDo: string): void {
  if (scope?.kind === 'realm-user' && isWithinReach(caller, scope)) return
  assertScope(caller, 'manage_token', toDo)
}

/** @throws TokenServiceError ERR_BAD_INPUT: the caller is not a session, so there is none to keep */
export function currentSessionOf(caller: Caller): Session {
  if (caller.kind === 'owner') return caller.token.session
  throw new TokenServiceError(
    'ERR_BAD_INPUT',
    'Expected `keepCurrentSession` only from a token owner (`Authorization: Bearer <access token>`): this caller has no session to keep.',
  )
}

/**
 * The access token that a caller came with.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN: a client or an operator has none
 */
export function tokenOf(caller: Caller, toDo: string): ActiveToken {
  if (caller.kind === 'owner') return caller.token
  throw new TokenServiceError(
    caller.kind === 'anonymous' ? 'ERR_UNAUTHENTICATED' : 'ERR_FORBIDDEN',
    `To ${toDo}, authenticate as a token owner (\`Authorization: Bearer <access token>\`).`,
  )
}

export function hasScope(caller: Caller, scope: ServiceScope): boolean {
  return caller.kind !== 'anonymous' && scopesOf(caller).includes(scope)
}

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
