import { nothingInvalidated } from '../../tokens/coverage.ts'
import type { InvalidationAnswer, InvalidationError, InvalidationTarget } from '../../tokens/invalidate.ts'
import { readToken } from '../../tokens/token.ts'
import type { Authentication } from '../credentials.ts'
import type { Verb } from './dialect.ts'
import { badRequest, type Cause, numbered } from './error.ts'
import { assertKnownParameters, readFields } from './fields.ts'
import { assertManagesTokens, identify } from './identity.ts'

const names = ['token', 'refresh_token', 'realm_name', 'username'] as const
type Fields = Readonly<Partial<Record<(typeof names)[number], string>>>

/** The answer of Elasticsearch 7. Its clients show the warning only if the agent in it is Elasticsearch. */
const deprecation = {
  Warning:
    '299 Elasticsearch-8.19.0 "[DELETE /_xpack/security/oauth2/token] is deprecated! Use [DELETE /_security/oauth2/token] instead."',
}

/** `DELETE /_security/oauth2/token`: all four selectors, and 404 with counts of 0 for an unknown token. */
export function createInvalidation({ tokens, limits }: Omit<Authentication, 'context'>): Verb {
  return async (request, context) => {
    const { status, counts } = await invalidate({ tokens, limits, context }, request)
    return { status, body: counts }
  }
}

/** The path of 6.x, whose clients read `created`: whether this request ended a token. */
export function createLegacyInvalidation({ tokens, limits }: Omit<Authentication, 'context'>): Verb {
  return async (request, context) => {
    const { status, counts } = await invalidate({ tokens, limits, context }, request)
    return { status, body: { created: counts.invalidated_tokens > 0, ...counts }, headers: deprecation }
  }
}

async function invalidate(authentication: Authentication, request: Request) {
  const principal = await identify(authentication, request)
  assertKnownParameters(request)
  const { isToken, target } = select(await readFields(request, 'invalidate_token', names))
  assertManagesTokens(principal, 'invalidate')
  const ended = target === undefined ? noTokens : await authentication.tokens.invalidate(target, principal)
  // A sweep that finds no tokens is a success; an unknown token is not.
  const isUnknown = isToken && ended.invalidated + ended.previouslyInvalidated === 0
  return { status: isUnknown ? 404 : 200, counts: countsOf(ended) }
}

const noTokens: Ended = { ...nothingInvalidated, errors: [] }

/** What a request selects. The target is undefined for text that can be no token and no owner. */
interface Selection {
  readonly isToken: boolean
  readonly target: InvalidationTarget | undefined
}

/** Elasticsearch's rules in its order: an empty string counts as absent, and names are checked before tokens. */
function select(fields: Fields): Selection {
  const { token, refresh_token: refreshToken, realm_name: realm = '', username = '' } = fields
  if (token && refreshToken)
    throw badRequest(
      'x_content_parse_exception',
      'Failed to build [invalidate_token] after last required field arrived',
      {
        type: 'illegal_argument_exception',
        reason: 'only one of [token, refresh_token] may be sent per request',
      },
    )
  const faults = findFaults(token || refreshToken || '', hasText(realm) || hasText(username))
  if (faults.length > 0) throw badRequest('action_request_validation_exception', numbered(faults))
  if (token) return { isToken: true, target: tokenTarget('access-token', token) }
  if (refreshToken) return { isToken: true, target: tokenTarget('refresh-token', refreshToken) }
  return { isToken: false, target: ownerTarget(realm, username) }
}

function findFaults(token: string, hasOwner: boolean): readonly string[] {
  if (!hasOwner)
    return token === '' ? ['token string must be provided when not specifying a realm name or a username'] : []
  if (token === '') return []
  const ofType = 'token type must not be provided when realm name or username is specified'
  return hasText(token)
    ? ['token string must not be provided when realm name or username is specified', ofType]
    : [ofType]
}

function tokenTarget(kind: 'access-token' | 'refresh-token', token: string): InvalidationTarget | undefined {
  return kind === `${readToken(token)?.half}-token` ? { kind, token } : undefined
}

/** To Elasticsearch, white space beside another name is a valid name. No owner can have it, so there is no target. */
function ownerTarget(realm: string, username: string): InvalidationTarget | undefined {
  if (username === '') return { kind: 'owner', scope: { kind: 'realm', realm } }
  if (realm === '') return { kind: 'owner', scope: { kind: 'username', username } }
  if (!(hasText(realm) && hasText(username))) return undefined
  return { kind: 'owner', scope: { kind: 'realm-user', realm, username } }
}

function hasText(text: string): boolean {
  return text.trim() !== ''
}

type Ended = Pick<InvalidationAnswer, 'invalidated' | 'previouslyInvalidated' | 'errors'>

function countsOf({ invalidated, previouslyInvalidated, errors }: Ended) {
  return {
    invalidated_tokens: invalidated,
    previously_invalidated_tokens: previouslyInvalidated,
    error_count: errors.length,
    ...(errors.length > 0 && { error_details: errors.map(toCause) }),
  }
}

function toCause({ type, reason = '', causedBy }: InvalidationError): Cause {
  return { type, reason, ...(causedBy && { caused_by: toCause(causedBy) }) }
}
