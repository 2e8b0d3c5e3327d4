import type { Credentials } from '../tokens/authenticate.ts'
import { anonymous, type Caller } from '../tokens/caller.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import type { Tokens } from '../tokens/tokens.ts'

/**
 * What an `Authorization` header presents; undefined when there is none.
 *
 *     Bearer <access token>                  RFC 6750 §2.1
 *     Basic  <base64 of id:secret>           RFC 7617
 *     ApiKey <base64 of id:secret>           Elasticsearch
 *
 * A header that can't be read is an error: whoever sends one means to be somebody, and is not nobody instead.
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
      throw unreadable()
  }
}

/** Who makes a request with this `Authorization` header: nobody in particular when there is none. */
export async function authenticateHeader(tokens: Tokens, header: string | null): Promise<Caller> {
  const credentials = readCredentials(header)
  return credentials === undefined ? anonymous : tokens.authenticate(credentials)
}

/**
 * Who makes a request with this `Authorization` header, as OAuth has it: RFC 6749 §2.3.1 wants the id and the secret in
 * Basic form-urlencoded, each by itself. RFC 7617 knows nothing of it, nor do most programs (curl -u), so what fails as
 * encoded is tried as it stands.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED
 */
export async function authenticateEncodedHeader(tokens: Tokens, header: string): Promise<Caller> {
  const plain = readCredentials(header)
  const decoded = plain?.kind === 'client' && splitHeader(header).scheme === 'basic' ? decode(plain) : undefined
  if (decoded === undefined) return authenticateHeader(tokens, header)
  try {
    return await tokens.authenticate(decoded)
  } catch (error) {
    if (error instanceof TokenServiceError && error.code === 'ERR_UNAUTHENTICATED')
      return authenticateHeader(tokens, header)
    throw error
  }
}

/**
 * An id and a secret as a stranger sent them.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED: no client was ever given these
 */
export function clientCredentials(id: string, secret: string): ClientCredentials {
  // Postgres refuses a NUL, and a decoder's U+FFFD can't be part of an id that was ever given out.
  if (id === '' || /[\0\ufffd]/.test(id + secret)) throw unreadable()
  return { kind: 'client', id, secret }
}

type ClientCredentials = Extract<Credentials, { kind: 'client' }>

/** The scheme in lower case, as it is compared (RFC 9110 §11.1); both empty for what is no credentials. */
export function splitHeader(header: string | null): { readonly scheme: string; readonly value: string } {
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +([^\s,]+)$/.exec(header?.trim() ?? '') ?? []
  return { scheme: scheme.toLowerCase(), value }
}

function readClient(base64: string): ClientCredentials {
  if (!/^[A-Za-z\d+/]+={0,2}$/.test(base64)) throw unreadable()
  const text = Buffer.from(base64, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return clientCredentials(text.slice(0, Math.max(colon, 0)), text.slice(colon + 1))
}

/** Undefined where nothing is encoded, or nothing that could be decoded. */
function decode({ id, secret }: ClientCredentials): ClientCredentials | undefined {
  if (!/[%+]/.test(id + secret)) return undefined
  const decodePart = (part: string) => decodeURIComponent(part.replaceAll('+', ' '))
  try {
    return clientCredentials(decodePart(id), decodePart(secret))
  } catch {
    return undefined
  }
}

function unreadable(): TokenServiceError {
  return new TokenServiceError(
    'ERR_UNAUTHENTICATED',
    'Expected `Authorization: Bearer <access token>`, `Basic <base64 of id:secret>` or `ApiKey <base64 of id:secret>`.',
  )
}
