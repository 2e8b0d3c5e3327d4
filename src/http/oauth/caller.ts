import { anonymous, type Caller } from '../../tokens/caller.ts'
import { TokenServiceError } from '../../tokens/errors.ts'
import { type Authentication, authenticate, authenticateEncodedHeader, clientCredentials } from '../credentials.ts'
import { OAuthError } from './answer.ts'
import { type Form, requireParameter } from './form.ts'

/** A form that was read, and whose caller is known. */
export interface FormRequest {
  readonly form: Form
  readonly caller: Caller
  /** Our issuer identifier for this request. */
  readonly issuer: string
}

/**
 * The caller of a request (RFC 6749 §2.3.1): a client by Basic or by the form, an owner by Bearer, or anonymous.
 *
 * A `client_id` alone names a public client and proves nothing, so its caller is anonymous.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED
 * @throws OAuthError invalid_request
 */
export async function authenticateCaller(
  authentication: Authentication,
  request: Request,
  form: Form,
): Promise<Caller> {
  const caller = await findCaller(authentication, request, form)
  await authentication.limits.charge(caller, authentication.context)
  return caller
}

async function findCaller(authentication: Authentication, { headers }: Request, form: Form): Promise<Caller> {
  const header = headers.get('authorization')
  assertOneMethod(header, form)
  if (header !== null)
    return requireSameClient(form.get('client_id'), await authenticateEncodedHeader(authentication, header))
  const secret = form.get('client_secret')
  if (secret === undefined) return anonymous
  return authenticate(authentication, clientCredentials(requireParameter(form, 'client_id'), secret))
}

/** RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request." */
function assertOneMethod(header: string | null, form: Form): void {
  const methods = [header ?? undefined, form.get('client_secret'), form.get('client_assertion')]
  if (methods.filter((method) => method !== undefined).length > 1)
    throw new OAuthError('invalid_request', 'Expected one authentication method, got several')
  // A caller that sends an assertion wants to authenticate, so it must not become anonymous.
  if (form.has('client_assertion'))
    throw new TokenServiceError(
      'ERR_UNAUTHENTICATED',
      'Client assertions are not supported: authenticate by a client secret or an access token.',
    )
}

/** A client may name itself in the form as well, but not by another name. */
function requireSameClient(id: string | undefined, caller: Caller): Caller {
  if (id !== undefined && caller.kind === 'client' && caller.clientId !== id)
    throw new OAuthError('invalid_request', 'Expected `client_id` to be the client that authenticates')
  return caller
}
