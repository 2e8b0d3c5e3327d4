import type { IssuedPair } from '../../tokens/pair.ts'
import type { RefreshRefusal, TermsNotMet } from '../../tokens/refresh.ts'
import { readToken } from '../../tokens/token.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { answerJson, OAuthError } from './answer.ts'
import type { FormRequest } from './caller.ts'
import { requireParameter } from './form.ts'

/**
 * Refreshes an access token (RFC 6749 §6): the only grant of this token endpoint.
 *
 * §6: the server MUST "ensure that the refresh token was issued to the authenticated client". If no client
 * authenticates, as public clients cannot, holding the token is enough: it works once (RFC 9700 §2.2.2).
 */
export async function refresh(tokens: Tokens, { form, caller }: FormRequest): Promise<Response> {
  if (requireParameter(form, 'grant_type') !== 'refresh_token')
    throw new OAuthError('unsupported_grant_type', 'Expected `grant_type` to be refresh_token')
  const token = requireParameter(form, 'refresh_token')
  // §3.3. Text that is no scope-token was never granted, so a malformed scope is beyond every grant.
  const scopes = form.get('scope')?.split(' ') ?? []
  if (readToken(token)?.half !== 'refresh') throw refusalOf('invalid')
  const issuedTo = caller.kind === 'client' ? caller.clientId : undefined
  const answer = await tokens.refreshOnTerms(token, { issuedTo, scopes })
  if (answer.outcome !== 'refreshed') throw refusalOf(answer.reason)
  return answerJson(tokenResponse(answer.pair))
}

/**
 * §5.1. A new pair has all scopes that were granted, so a client that asked for fewer must be answered which (§3.3).
 */
function tokenResponse({ accessToken, expiresInSeconds, refresh: refreshHalf, scopes }: IssuedPair): object {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: expiresInSeconds,
    ...(refreshHalf !== undefined && { refresh_token: refreshHalf.token }),
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
  }
}

/** §5.2: `invalid_grant` if the refresh token "is invalid, expired, revoked […], or was issued to another client". */
function refusalOf(reason: RefreshRefusal | TermsNotMet['reason']): OAuthError {
  switch (reason) {
    case 'invalid':
      return new OAuthError(
        'invalid_grant',
        'Not a refresh token of this service, or one so old that it was deleted, or an access token: send the refresh token; otherwise log in again.',
      )
    case 'expired':
      return new OAuthError('invalid_grant', 'The refresh token has expired; log in again.')
    case 'already-used':
      return new OAuthError(
        'invalid_grant',
        'The refresh token was used before, so it may have been stolen: its session was ended; log in again.',
      )
    case 'invalidated':
      return new OAuthError('invalid_grant', 'The refresh token was revoked; log in again.')
    case 'other-client':
      return new OAuthError('invalid_grant', 'The refresh token was issued to another client.')
    case 'beyond-grant':
      return new OAuthError('invalid_scope', 'The refresh token was granted less than `scope` asks for.')
    default:
      return reason satisfies never
  }
}
