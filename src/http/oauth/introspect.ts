import type { ActiveToken } from '../../tokens/caller.ts'
import { TokenServiceError } from '../../tokens/errors.ts'
import type { Introspection } from '../../tokens/introspect.ts'
import { subjectOf } from '../../tokens/owner.ts'
import { readToken } from '../../tokens/token.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { answerJson } from './answer.ts'
import type { FormRequest } from './caller.ts'
import { requireParameter } from './form.ts'

/**
 * Token introspection (RFC 7662), for callers with the scope `introspect_token`. The answer is always JSON: the signed
 * answers of RFC 9701 are not offered, and the metadata does not announce them.
 */
export async function introspect(tokens: Tokens, { form, caller, issuer }: FormRequest): Promise<Response> {
  const token = requireParameter(form, 'token')
  const found = await tokens.introspect(token, caller).catch(asInactive)
  // §2.2: an answer about a token that is not active "SHOULD NOT include any additional information".
  return answerJson(
    found.active ? { ...introspectionResponse(found, issuer), ...tokenTypeOf(token) } : { active: false },
  )
}

/** Text that can be no token (control characters, half a megabyte) is answered as inactive too. */
function asInactive(error: unknown): Introspection {
  if (error instanceof TokenServiceError && error.code === 'ERR_BAD_INPUT') return { active: false }
  throw error
}

/** The members of §2.2, and two of our own: `realm_name`, the owner's realm, and `sid`, the `id` of the session. */
function introspectionResponse(
  { session, scopes, clientId, issuedAt, expiresAt }: ActiveToken,
  issuer: string,
): object {
  const { realm, username } = session.owner
  return {
    active: true,
    // RFC 6749 §3.3: a scope has at least one name in it.
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    client_id: clientId,
    username,
    exp: inSeconds(expiresAt),
    iat: inSeconds(issuedAt),
    sub: subjectOf(session.owner),
    iss: issuer,
    realm_name: realm,
    sid: String(session.id),
  }
}

/** §2.2: `token_type` is that of RFC 6749 §5.1. It is a type of access tokens, so a refresh token has none. */
function tokenTypeOf(token: string): object {
  return readToken(token)?.half === 'access' ? { token_type: 'Bearer' } : {}
}

/** Rounded down, so that no reader takes an expired token for active. */
function inSeconds(instant: Date): number {
  return Math.floor(instant.getTime() / 1000)
}
