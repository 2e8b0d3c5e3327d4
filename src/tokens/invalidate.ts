import { assertMayReach, assertScope, type Caller, callerLabel, currentSessionOf, isWithinReach } from './caller.ts'
import type { TokensDependencies } from './dependencies.ts'
import { TokenServiceError } from './errors.ts'
import { badInput, type OwnerScope, readOwnerScope, readText, readTokenText } from './owner.ts'
import { findPresented, sessionOf } from './pair.ts'
import type { InvalidationReason } from './revocation.ts'
import type { Attribution, HalfInvalidation, InvalidationCounts, InvalidationScope } from './store.ts'
import { type Half, readToken } from './token.ts'

export type InvalidationTarget =
  | { readonly kind: 'access-token'; readonly token: string }
  | { readonly kind: 'refresh-token'; readonly token: string }
  | { readonly kind: 'session'; readonly id: number }
  | { readonly kind: 'owner'; readonly scope: OwnerScope }

export interface InvalidationOptions {
  /** With a token: its whole login ends, as RFC 7009 §2.1 suggests. */
  readonly wholeSession?: boolean
  /** With a token: only one whose session this client asked for (RFC 7009 §2.1). */
  readonly issuedTo?: string | undefined
  /** With an owner: all sessions but the one that asks. */
  readonly keepCurrentSession?: boolean
  /** With an owner: only logins made before it, with all that was refreshed from them. */
  readonly issuedBefore?: Date | undefined
  /** Counts what would end, and changes nothing. */
  readonly dryRun?: boolean
  readonly reason?: InvalidationReason | undefined
  /** For the record: at most 500 characters. */
  readonly comment?: string | undefined
}

/** What could not be ended, and why. */
export interface InvalidationError {
  readonly type: string
  readonly reason?: string
  readonly causedBy?: InvalidationError
}

export interface InvalidationAnswer extends InvalidationCounts {
  /** Our store ends all or nothing (and nothing is an exception), so only a source of tokens beside it can add here. */
  readonly errors: readonly InvalidationError[]
  /** The row of the log. Undefined for a dry run, and where there was nothing new to end. */
  readonly revision: number | undefined
}

const longestComment = 500

export async function invalidate(
  dependencies: TokensDependencies,
  target: InvalidationTarget,
  options: InvalidationOptions,
  caller: Caller,
): Promise<InvalidationAnswer> {
  assertOptionsFit(target, options)
  const by = {
    at: dependencies.clock(),
    caller: callerLabel(caller),
    reason: options.reason,
    comment: options.comment === undefined ? undefined : readText('comment', options.comment, longestComment),
  }
  const ended = await invalidateTarget(dependencies, target, { options, caller, by })
  return { revision: undefined, ...ended, errors: [] }
}

const otherKind: Readonly<Record<Half, string>> = {
  access: 'Expected `token` to be an access token, got a refresh token: name it in `refreshToken`',
  refresh: 'Expected `refreshToken` to be a refresh token, got an access token: name it in `token`',
}

interface InvalidationRequest {
  readonly options: InvalidationOptions
  readonly caller: Caller
  readonly by: Attribution
}

/** Without a revision when it was only asked. */
interface HalfOutcome {
  readonly outcome: HalfInvalidation['outcome']
  readonly revision?: number
}

type Ended = InvalidationCounts & { readonly revision?: number | undefined }

const nothing: Ended = { invalidated: 0, previouslyInvalidated: 0 }

async function invalidateTarget(
  dependencies: TokensDependencies,
  target: InvalidationTarget,
  request: InvalidationRequest,
): Promise<Ended> {
  switch (target.kind) {
    case 'access-token':
      return invalidateToken(dependencies, 'access', readTokenText('token', target.token), request)
    case 'refresh-token':
      return invalidateToken(dependencies, 'refresh', readTokenText('refreshToken', target.token), request)
    case 'session':
      return invalidateSession(dependencies, target.id, request)
    case 'owner': {
      const scope = readOwnerScope(target.scope)
      assertMayReach(request.caller, scope, 'invalidate the tokens of an owner')
      return invalidateScope(dependencies, ownerScope(scope, request), request)
    }
    default:
      return target satisfies never
  }
}

/** A token of the other kind is a slip, and not unknown: a logout that ends nothing must not look like one that did. */
async function invalidateToken(
  dependencies: TokensDependencies,
  half: Half,
  token: string,
  request: InvalidationRequest,
): Promise<Ended> {
  const presented = readToken(token)
  if (presented === undefined) return nothing
  if (presented.half !== half) throw badInput(otherKind[half])
  const { wholeSession, dryRun, issuedTo } = request.options
  const end = async () => count(await dependencies.store.invalidateHalf(presented, request.by))
  if (!(wholeSession || dryRun || issuedTo !== undefined)) return end()
  const pair = await findPresented(dependencies.store, presented)
  if (pair === undefined) return nothing
  if (issuedTo !== undefined && pair.clientId !== issuedTo)
    throw new TokenServiceError('ERR_FORBIDDEN', 'This token was issued to another client.')
  if (wholeSession) return invalidateScope(dependencies, { kind: 'session', session: sessionOf(pair) }, request)
  return dryRun ? count({ outcome: pair[half]?.isEnded ? 'previously' : 'newly' }) : end()
}

function count(half: HalfOutcome): Ended {
  return {
    invalidated: half.outcome === 'newly' ? 1 : 0,
    previouslyInvalidated: half.outcome === 'previously' ? 1 : 0,
    revision: half.revision,
  }
}

/** Another owner's session is unknown to an owner: its id is a number that anybody can count to. */
async function invalidateSession(
  dependencies: TokensDependencies,
  id: number,
  request: InvalidationRequest,
): Promise<Ended> {
  const { caller, by } = request
  if (caller.kind !== 'owner') assertScope(caller, 'manage_token', 'invalidate a session that is not your own')
  const session = await dependencies.store.findSession(id, by.at)
  if (session === undefined || !isWithinReach(caller, session.owner)) return nothing
  return invalidateScope(dependencies, { kind: 'session', session }, request)
}

/**
 * An instant to come is passed on like any other, though all logins that there are now were made before it: before the
 * sweep has its turn the instant may be over, and who has logged in since is not to be ended.
 */
function ownerScope(scope: OwnerScope, { options, caller }: InvalidationRequest): InvalidationScope {
  const { issuedBefore, keepCurrentSession } = options
  const sparedSessionId = keepCurrentSession ? currentSessionOf(caller).id : undefined
  return { kind: 'owner', scope, issuedBefore, sparedSessionId }
}

async function invalidateScope(
  dependencies: TokensDependencies,
  scope: InvalidationScope,
  request: InvalidationRequest,
): Promise<Ended> {
  const { options, by } = request
  return options.dryRun ? dependencies.store.countScope(scope, by.at) : dependencies.store.invalidateScope(scope, by)
}

/** Options that say nothing about a target are refused: whoever gives them expects something else than would happen. */
function assertOptionsFit(target: InvalidationTarget, options: InvalidationOptions): void {
  const isToken = target.kind === 'access-token' || target.kind === 'refresh-token'
  if (options.wholeSession && !isToken)
    throw badInput(
      'Expected `wholeSession` only with `token` or `refreshToken`: there is no single session to complete',
    )
  if (options.issuedTo !== undefined && !isToken)
    throw badInput('Expected `issuedTo` only with `token` or `refreshToken`: nothing else was issued to a client')
  if (options.keepCurrentSession && target.kind !== 'owner')
    throw badInput('Expected `keepCurrentSession` only with `owner`: nothing else reaches another session')
  if (options.issuedBefore !== undefined && target.kind !== 'owner')
    throw badInput('Expected `issuedBefore` only with `owner`: a token or session is ended whenever it was issued')
  // GraphQL lets none through, but a program may.
  if (Number.isNaN(options.issuedBefore?.getTime())) throw badInput('Expected `issuedBefore` to be a valid `Date`')
}
