import { assertMayAccess, assertScope, type Caller, callerLabel, currentSessionOf, mayAccess } from './caller.ts'
import { type InvalidationCounts, nothingInvalidated, type SweepScope } from './coverage.ts'
import type { TokensDependencies } from './dependencies.ts'
import { TokenServiceError } from './errors.ts'
import { badInput, type InputFault, type InputField } from './input-fault.ts'
import type { InvalidationReason } from './invalidation-reasons.ts'
import type { OwnerScope } from './owner.ts'
import { findPresented, sessionOf } from './pair.ts'
import { readName, readOwnerScope, readStoredText, readTokenText } from './read-input.ts'
import type { Attribution, HalfInvalidation, InvalidationScope } from './store.ts'
import { type Half, isDamagedToken, readToken } from './token.ts'

/** What to invalidate. The variants correspond to the selectors of the log. */
export type InvalidationTarget =
  | { readonly kind: 'access-token'; readonly token: string }
  | { readonly kind: 'refresh-token'; readonly token: string }
  | { readonly kind: 'session'; readonly id: number }
  | { readonly kind: 'owner'; readonly scope: OwnerScope }
  /** Everything that this client created, for itself and for owners. */
  | { readonly kind: 'client'; readonly clientId: string }
  | { readonly kind: 'everything' }

export interface InvalidationOptions {
  /** With a token: invalidate its whole session, as RFC 7009 §2.1 suggests. */
  readonly wholeSession?: boolean
  /** With a token: only if this client created the token's session (RFC 7009 §2.1). */
  readonly issuedTo?: string | undefined
  /** With an owner, a client or everything: all sessions except the caller's own. */
  readonly keepCurrentSession?: boolean
  /**
   * With an owner, a client or everything: only sessions that began before this time, with all their refreshed pairs.
   */
  readonly issuedBefore?: Date | undefined
  /**
   * With an owner, a client or everything: refuse, and change nothing, if more tokens than this would end. They are
   * counted just before: what logs in between the count and the revocation ends as well.
   */
  readonly expectAtMost?: number | undefined
  /** Count what would be invalidated, and change nothing. */
  readonly dryRun?: boolean
  readonly reason?: InvalidationReason | undefined
  /** A note that the log keeps: at most 500 characters. */
  readonly comment?: string | undefined
}

/** What could not be invalidated, and why. */
export interface InvalidationError {
  readonly type: string
  readonly reason?: string
  readonly causedBy?: InvalidationError
}

export interface InvalidationAnswer extends InvalidationCounts {
  /**
   * Always empty for this store, which invalidates everything or throws. Only an additional source of tokens could add
   * errors here.
   */
  readonly errors: readonly InvalidationError[]
  /** The revision of the row in the log. Undefined for a dry run, and if there was nothing new to invalidate. */
  readonly revision: number | undefined
}

const maxCommentLength = 500

/**
 * Invalidates what `target` names and counts the halves that ended.
 *
 * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
 */
export async function invalidate(
  dependencies: TokensDependencies,
  target: InvalidationTarget,
  { options, caller }: Pick<InvalidationRequest, 'options' | 'caller'>,
): Promise<InvalidationAnswer> {
  assertOptionsFit(target, options)
  const attribution = {
    at: dependencies.clock(),
    caller: callerLabel(caller),
    reason: options.reason,
    comment: options.comment === undefined ? undefined : readStoredText('comment', options.comment, maxCommentLength),
  }
  const outcome = await invalidateTarget(dependencies, target, { options, caller, attribution })
  return { revision: undefined, ...outcome, errors: [] }
}

const otherKind: Readonly<Record<Half, InputFault>> = {
  access: {
    field: 'accessToken',
    expected: 'to be an access token',
    found: 'a refresh token',
    belongsIn: 'refreshToken',
  },
  refresh: {
    field: 'refreshToken',
    expected: 'to be a refresh token',
    found: 'an access token',
    belongsIn: 'accessToken',
  },
}

const damaged = {
  expected: 'to be a token and nothing else',
  found: 'one with other characters around it or in it',
  because: 'the token would stay valid',
} as const

interface InvalidationRequest {
  readonly options: InvalidationOptions
  readonly caller: Caller
  readonly attribution: Attribution
}

/** What happened to one half. It has no revision if it is the answer of a dry run. */
interface HalfOutcome {
  readonly outcome: HalfInvalidation['outcome']
  readonly revision?: number
}

type InvalidationOutcome = InvalidationCounts & { readonly revision?: number | undefined }

async function invalidateTarget(
  dependencies: TokensDependencies,
  target: InvalidationTarget,
  request: InvalidationRequest,
): Promise<InvalidationOutcome> {
  switch (target.kind) {
    case 'access-token':
      return invalidateToken(dependencies, 'access', readTokenText('accessToken', target.token), request)
    case 'refresh-token':
      return invalidateToken(dependencies, 'refresh', readTokenText('refreshToken', target.token), request)
    case 'session':
      return invalidateSession(dependencies, target.id, request)
    case 'owner': {
      const scope = readOwnerScope(target.scope)
      assertMayAccess(request.caller, scope, 'invalidate the tokens of an owner')
      return sweep(dependencies, scope, request)
    }
    case 'client': {
      assertScope(request.caller, 'manage_token', 'invalidate all that a client created')
      return sweep(dependencies, { kind: 'client', clientId: readName('client', target.clientId) }, request)
    }
    case 'everything':
      assertScope(request.caller, 'manage_token', 'invalidate all tokens')
      return sweep(dependencies, { kind: 'everything' }, request)
    default:
      return target satisfies never
  }
}

/**
 * A token of the other kind, or one with white space or quotes around it, is an error and not an unknown token: otherwise
 * a logout that invalidated nothing would look like one that succeeded.
 */
async function invalidateToken(
  dependencies: TokensDependencies,
  half: Half,
  token: string,
  request: InvalidationRequest,
): Promise<InvalidationOutcome> {
  const presented = readToken(token)
  if (presented === undefined && isDamagedToken(token)) throw badInput({ field: `${half}Token`, ...damaged })
  if (presented === undefined) return nothingInvalidated
  if (presented.half !== half) throw badInput(otherKind[half])
  const { wholeSession, dryRun, issuedTo } = request.options
  const invalidateHalf = async () => countsOf(await dependencies.store.invalidateHalf(presented, request.attribution))
  if (!(wholeSession || dryRun || issuedTo !== undefined)) return invalidateHalf()
  const pair = await findPresented(dependencies.store, presented)
  if (pair === undefined) return nothingInvalidated
  if (issuedTo !== undefined && pair.clientId !== issuedTo)
    throw new TokenServiceError('ERR_FORBIDDEN', 'This token was issued to another client.')
  if (wholeSession) return invalidateScope(dependencies, { kind: 'session', session: sessionOf(pair) }, request)
  return dryRun ? countsOf({ outcome: pair[half]?.isEnded ? 'previously' : 'newly' }) : invalidateHalf()
}

function countsOf({ outcome, revision }: HalfOutcome): InvalidationOutcome {
  return {
    invalidated: outcome === 'newly' ? 1 : 0,
    previouslyInvalidated: outcome === 'previously' ? 1 : 0,
    revision,
  }
}

/**
 * To an owner, another owner's session looks unknown, because session ids are numbers from a sequence: easy to guess.
 */
async function invalidateSession(
  dependencies: TokensDependencies,
  id: number,
  request: InvalidationRequest,
): Promise<InvalidationOutcome> {
  const { caller, attribution } = request
  if (caller.kind === 'anonymous')
    throw new TokenServiceError(
      'ERR_UNAUTHENTICATED',
      'To invalidate a session, send an access token of its owner, or authenticate as a client with the scope manage_token.',
    )
  if (caller.kind !== 'owner') assertScope(caller, 'manage_token', 'invalidate a session')
  const session = await dependencies.store.findSession(id, attribution.at)
  if (session === undefined || !mayAccess(caller, session.owner)) return nothingInvalidated
  return invalidateScope(dependencies, { kind: 'session', session }, request)
}

/**
 * An `issuedBefore` in the future is passed on unchanged, although every session that exists now began before it. If
 * the sweep has to wait until after that time, a session that began after it must not be invalidated.
 */
async function sweep(
  dependencies: TokensDependencies,
  scope: SweepScope,
  request: InvalidationRequest,
): Promise<InvalidationOutcome> {
  const { issuedBefore, keepCurrentSession, expectAtMost, dryRun } = request.options
  const sparedSessionId = keepCurrentSession ? currentSessionOf(request.caller).id : undefined
  const asked = { kind: 'sweep', scope, issuedBefore, sparedSessionId } as const
  if (expectAtMost !== undefined && !dryRun) await assertAtMost(dependencies, asked, expectAtMost)
  return invalidateScope(dependencies, asked, request)
}

/** @throws TokenServiceError ERR_MORE_THAN_EXPECTED */
async function assertAtMost(
  { store, clock }: TokensDependencies,
  scope: InvalidationScope,
  expectAtMost: number,
): Promise<void> {
  const { invalidated } = await store.countScope(scope, clock())
  if (invalidated <= expectAtMost) return
  throw new TokenServiceError(
    'ERR_MORE_THAN_EXPECTED',
    `Expected at most ${expectAtMost} ${expectAtMost === 1 ? 'token' : 'tokens'} to end, and it would be ${invalidated}: nothing was changed.`,
  )
}

async function invalidateScope(
  dependencies: TokensDependencies,
  scope: InvalidationScope,
  request: InvalidationRequest,
): Promise<InvalidationOutcome> {
  const { options, attribution } = request
  if (options.dryRun) return dependencies.store.countScope(scope, attribution.at)
  return dependencies.store.invalidateScope(scope, attribution)
}

/**
 * Refuses options that do not apply to the target: a caller that gives them expects something else than would happen.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
function assertOptionsFit({ kind }: InvalidationTarget, options: InvalidationOptions): void {
  const isToken = kind === 'access-token' || kind === 'refresh-token'
  const isSweep = kind === 'owner' || kind === 'client' || kind === 'everything'
  const { wholeSession, issuedTo, keepCurrentSession, issuedBefore, expectAtMost } = options
  const refuse = (field: InputField, onlyWith: readonly InputField[], because: string) => {
    throw badInput({ field, onlyWith, because })
  }
  if (wholeSession && !isToken) refuse('wholeSession', tokenFields, 'there is no single session to complete')
  if (issuedTo !== undefined && !isToken) refuse('issuedTo', tokenFields, 'nothing else was issued to a client')
  if (keepCurrentSession && !isSweep) refuse('keepCurrentSession', sweepFields, 'nothing else reaches another session')
  if (issuedBefore !== undefined && !isSweep)
    refuse('issuedBefore', sweepFields, 'a token or session is ended whenever it was issued')
  if (expectAtMost !== undefined && !isSweep)
    refuse('expectAtMost', sweepFields, 'nothing else ends an unknown number of tokens')
  if (expectAtMost !== undefined && !(Number.isSafeInteger(expectAtMost) && expectAtMost >= 0))
    throw badInput({ field: 'expectAtMost', expected: 'to be a whole number from 0 up' })
  // GraphQL refuses an invalid date. A program that calls this module may pass one.
  if (Number.isNaN(issuedBefore?.getTime())) throw badInput({ field: 'issuedBefore', expected: 'to be a valid `Date`' })
}

const tokenFields = ['accessToken', 'refreshToken'] as const
const sweepFields = ['owner', 'client', 'everything'] as const
