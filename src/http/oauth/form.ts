import { readText } from '../body.ts'
import { OAuthError } from './answer.ts'

/** All parameters that any of these routes reads; RFC 6749 §3.2: "MUST ignore unrecognized request parameters". */
const parameters = [
  'client_id',
  'client_secret',
  'client_assertion',
  'grant_type',
  'refresh_token',
  'scope',
  'token',
  'token_type_hint',
] as const

type Parameter = (typeof parameters)[number]

/** The parameters of a form: none is empty, and none appears twice. */
export type Form = ReadonlyMap<Parameter, string>

/**
 * Reads the body of a request as RFC 6749 Appendix B defines it. The url is not read: urls end up in logs.
 *
 * @throws UnreadableRequest, OAuthError invalid_request
 */
export async function readForm(request: Request): Promise<Form> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new OAuthError('invalid_request', 'Expected `Content-Type: application/x-www-form-urlencoded`')
  const given = new URLSearchParams(await readText(request))
  return new Map(parameters.flatMap((name) => readParameter(name, given)))
}

/** @throws OAuthError invalid_request */
export function requireParameter(form: Form, name: Parameter): string {
  const value = form.get(name)
  if (value === undefined) throw new OAuthError('invalid_request', `Expected the parameter \`${name}\``)
  return value
}

function readParameter(name: Parameter, given: URLSearchParams): readonly [Parameter, string][] {
  // RFC 6749 §3.2: "Parameters sent without a value MUST be treated as if they were omitted from the request."
  const values = given.getAll(name).filter((value) => value !== '')
  // RFC 6749 §3.2: "Request and response parameters MUST NOT be included more than once."
  if (values.length > 1) throw new OAuthError('invalid_request', `Expected the parameter \`${name}\` once`)
  return values.map((value) => [name, value])
}
