import type { Credentials } from '../tokens/authenticate.ts'
import { anonymous, type Caller, callerLabel } from '../tokens/caller.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import type { Tokens } from '../tokens/tokens.ts'
import type { RateLimits } from './rate-limits.ts'
import type { RequestContext } from './request-context.ts'

/**
 * Reads the credentials of an `Authorization` header; undefined when there is no header.
 *
 *     Bearer <access token>                  RFC 6750 §2.1
 *     Basic  <base64 of id:secret>           RFC 7617
 *     ApiKey <base64 of id:secret>           Elasticsearch
 *
 * A header that cannot be read is an error: its sender wants to authenticate, so it must not become anonymous.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED
 */
function readCredentials(header: string | null): Credentials | undefined {
  if (header === null) return undefined
  const { scheme, value } = splitHeader(header)
  switch (scheme) {
    case 'bearer':
      return { kind: 'bearer', token: value }
    case 'basic':
    case 'apikey':
      return readClient(value)
    default:
      throw isClientHeader(header) ? notBase64() : unreadable()
  }
}

/** What authenticates a request: the verbs, the limits, and what is known of the request. */
export interface Authentication {
  readonly tokens: Tokens
  readonly limits: RateLimits
  readonly context: RequestContext
}

/**
 * The caller with these credentials. Every way in authenticates by this function and no other.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_RATE_LIMITED
 */
export async function authenticate(
  { tokens, limits, context }: Authentication,
  credentials: Credentials,
): Promise<Caller> {
  if (credentials.kind === 'client') await limits.assertMayTry(credentials, context)
  try {
    const caller = await tokens.authenticate(credentials)
    context.findings.caller = callerLabel(caller)
    return caller
  } catch (error) {
    if (isUnauthenticated(error)) await limits.countFailure(credentials, context)
    throw error
  }
}

/** The caller of a request with this `Authorization` header: anonymous when there is no header. */
export async function authenticateHeader(authentication: Authentication, header: string | null): Promise<Caller> {
  const credentials = await readOrCount(authentication, header)
  return credentials === undefined ? anonymous : authenticate(authentication, credentials)
}

/**
 * The caller of a request with this `Authorization` header, as OAuth defines Basic: RFC 6749 §2.3.1 requires the id and
 * the secret to be form-urlencoded, each by itself. RFC 7617 does not, and most programs (curl -u) do not encode. So
 * credentials that fail in decoded form are tried again as they were sent.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED
 */
export async function authenticateEncodedHeader(authentication: Authentication, header: string): Promise<Caller> {
  const plain = readCredentials(header)
  const decoded = plain?.kind === 'client' && splitHeader(header).scheme === 'basic' ? decodeClient(plain) : undefined
  if (decoded === undefined) return authenticateHeader(authentication, header)
  try {
    // Only the second try counts as a failure: the client may be right in not encoding.
    return await authenticate({ ...authentication, limits: withoutFailures(authentication.limits) }, decoded)
  } catch (error) {
    if (isUnauthenticated(error)) return authenticateHeader(authentication, header)
    throw error
  }
}

function withoutFailures(limits: RateLimits): RateLimits {
  return { ...limits, countFailure: async () => undefined }
}

/** Credentials that cannot be read are a failure too. */
async function readOrCount(
  { limits, context }: Authentication,
  header: string | null,
): Promise<Credentials | undefined> {
  try {
    return readCredentials(header)
  } catch (error) {
    await limits.countFailure(undefined, context)
    throw error
  }
}

function isUnauthenticated(error: unknown): boolean {
  return error instanceof TokenServiceError && error.code === 'ERR_UNAUTHENTICATED'
}

/**
 * The id and the secret of a client, from untrusted input.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED: no client can have these
 */
export function clientCredentials(id: string, secret: string): ClientCredentials {
  // Postgres refuses a NUL. U+FFFD is what a decoder writes for ill-formed bytes; no id that was issued contains it.
  if (id === '' || /[\0\ufffd]/.test(id + secret)) throw unreadable()
  return { kind: 'client', id, secret }
}

type ClientCredentials = Extract<Credentials, { kind: 'client' }>

/** The scheme in lower case, for comparison (RFC 9110 §11.1). Both are empty if the header has no such form. */
export function splitHeader(header: string | null): { readonly scheme: string; readonly value: string } {
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +([^\s,]+)$/.exec(header?.trim() ?? '') ?? []
  return { scheme: scheme.toLowerCase(), value }
}

function readClient(base64: string): ClientCredentials {
  if (!/^[A-Za-z\d+/]+={0,2}$/.test(base64)) throw notBase64()
  const text = Buffer.from(base64, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) throw notBase64()
  return clientCredentials(text.slice(0, colon), text.slice(colon + 1))
}

/** Undefined if nothing is encoded, or if it cannot be decoded. */
function decodeClient({ id, secret }: ClientCredentials): ClientCredentials | undefined {
  if (!/[%+]/.test(id + secret)) return undefined
  const decodePart = (part: string) => decodeURIComponent(part.replaceAll('+', ' '))
  try {
    return clientCredentials(decodePart(id), decodePart(secret))
  } catch {
    return undefined
  }
}

/** Whether a header that has no readable form names the scheme of a client: then white space is in what follows. */
function isClientHeader(header: string): boolean {
  return /^(basic|apikey) /i.test(header.trim())
}

function notBase64(): TokenServiceError {
  return new TokenServiceError(
    'ERR_UNAUTHENTICATED',
    'What follows `Basic` or `ApiKey` in the header `Authorization` is not base64 of id:secret.',
  )
}

function unreadable(): TokenServiceError {
  return new TokenServiceError(
    'ERR_UNAUTHENTICATED',
    'Expected `Authorization: Bearer <access token>`, `Basic <base64 of id:secret>` or `ApiKey <base64 of id:secret>`.',
  )
}
