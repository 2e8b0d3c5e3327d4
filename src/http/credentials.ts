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
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +([^\s,]+)$/.exec(header.trim()) ?? []
  switch (scheme.toLowerCase()) {
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

function readClient(base64: string): Credentials {
  const text = Buffer.from(base64, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  // Postgres refuses a NUL, and a decoder's U+FFFD can't be part of an id that was ever given out.
  if (colon < 1 || /[\0\ufffd]/.test(text)) throw unreadable()
  return { kind: 'client', id: text.slice(0, colon), secret: text.slice(colon + 1) }
}

function unreadable(): TokenServiceError {
  return new TokenServiceError(
    'ERR_UNAUTHENTICATED',
    'Expected `Authorization: Bearer <access token>`, `Basic <base64 of id:secret>` or `ApiKey <base64 of id:secret>`.',
  )
}
