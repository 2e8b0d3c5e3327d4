import { type Caller, hasScope } from '../../tokens/caller.ts'
import { TokenServiceError } from '../../tokens/errors.ts'
import type { InvalidationOptions, InvalidationTarget } from '../../tokens/invalidate.ts'
import { isDamagedToken, readToken } from '../../tokens/token.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { answerEmpty, OAuthError } from './answer.ts'
import type { FormRequest } from './caller.ts'
import { requireParameter } from './form.ts'

/**
 * Token revocation (RFC 7009).
 *
 * A caller that holds a token may end it, unless it authenticates as a client to which the token was not issued.
 * `token_type_hint` is ignored (§2.1 allows it): the token itself shows its type.
 *
 * §2.2: "invalid tokens do not cause an error response", so a token that is unknown, expired or ended, and text that is no
 * token, are answered by 200 too: "the purpose of the revocation request, invalidating the particular token, is already
 * achieved". It is not for a token with other characters around it or in it, which may be valid: 400.
 */
export async function revoke(tokens: Tokens, { form, caller }: FormRequest): Promise<Response> {
  const target = targetOf(requireParameter(form, 'token'))
  if (target !== undefined) await invalidate(tokens, target, caller)
  return answerEmpty(200)
}

function targetOf(token: string): InvalidationTarget | undefined {
  if (isDamagedToken(token))
    throw new OAuthError(
      'invalid_request',
      'Expected `token` to be a token and nothing else, got one with other characters around it or in it: the token would stay valid.',
    )
  const half = readToken(token)?.half
  return half && { kind: `${half}-token`, token }
}

async function invalidate(tokens: Tokens, target: InvalidationTarget, caller: Caller): Promise<void> {
  try {
    await tokens.invalidate(target, caller, optionsOf(target, caller))
  } catch (error) {
    // §2.1: "verifies whether the token was issued to the client making the revocation request. If this validation
    // fails, the request is refused", with the code of RFC 6749 §5.2 for a grant that "was issued to another client".
    if (error instanceof TokenServiceError && error.code === 'ERR_FORBIDDEN')
      throw new OAuthError('invalid_grant', error.message)
    throw error
  }
}

function optionsOf({ kind }: InvalidationTarget, caller: Caller): InvalidationOptions {
  const isLimitedToOwnTokens = caller.kind === 'client' && !hasScope(caller, 'manage_token')
  return {
    // §2.1: "If the particular token is a refresh token […], then the authorization server SHOULD also invalidate all
    // access tokens based on the same authorization grant."
    wholeSession: kind === 'refresh-token',
    issuedTo: isLimitedToOwnTokens ? caller.clientId : undefined,
  }
}
