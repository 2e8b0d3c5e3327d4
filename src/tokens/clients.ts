import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type ServiceScope, serviceScopes } from './caller.ts'
import { TokenServiceError } from './errors.ts'
import { badInput } from './input-fault.ts'
import { readStoredText } from './read-input.ts'

/** A program that authenticates with an id and a secret: a login service, a gateway, an administrator's script. */
export interface Client {
  readonly id: string
  readonly secretDigest: Uint8Array
  readonly scopes: readonly string[]
}

export interface StoredClient extends Client {
  readonly createdAt: Date
  /** The secret before the last rotation. It is accepted until then. */
  readonly previousSecret: { readonly digest: Uint8Array; readonly until: Date } | undefined
  /** Undefined while the client may authenticate. A deleted client is disabled as well. */
  readonly disabledAt: Date | undefined
  /** Set once the client was deleted. Its row stays, because its id is never given to another client. */
  readonly deletedAt: Date | undefined
  /**
   * Set when the client is added, disabled or enabled, and when its secret is replaced: sessions that began before this
   * revision do not have the client's service scopes.
   */
  readonly scopesValidFrom: number | undefined
}

/** A client as managers see it: without its secret's digest. */
export interface ListedClient extends Pick<StoredClient, 'id' | 'scopes' | 'createdAt' | 'disabledAt'> {
  /** Until when the secret before the last rotation is accepted as well. Undefined if none is. */
  readonly previousSecretUntil: Date | undefined
}

/**
 * Reads the id of a new client: text that the header `Authorization: Basic` can carry. In that header a colon ends the
 * id (RFC 7617 §2).
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readClientId(text: string): string {
  if (!/^[\x21-\x39\x3b-\x7e]{1,100}$/.test(text))
    throw badInput({
      field: 'clientId',
      expected: 'to be 1 to 100 visible ASCII characters without a space or a colon',
    })
  return readStoredText('clientId', text, 100)
}

/**
 * Reads a secret that an operator has chosen for a client. It must be long because only a plain SHA-256 of it is
 * stored.
 *
 * @throws TokenServiceError ERR_BAD_INPUT: the message says what is wrong and does not repeat the secret
 */
export function readClientSecret(text: string): string {
  if (isClientSecret(text)) return text
  throw badInput({ field: 'clientSecret', expected: `to be ${clientSecretRule}`, found: describeWrongSecret(text) })
}

export function isClientSecret(text: string): boolean {
  return /^[\x21-\x7e]{32,512}$/.test(text)
}

export const clientSecretRule = '32 to 512 visible ASCII characters without spaces'

/** What is wrong with a secret, for an error message: its length or its characters. It does not repeat the secret. */
export function describeWrongSecret({ length }: string): string {
  return length < 32 || length > 512 ? `${length} characters` : `${length} characters, some of them not allowed`
}

/** The realm of the tokens that clients create for themselves. No other owner gets a token in this realm. */
export const clientRealm = '_clients'

/** A new client secret: "its_" and 32 random bytes in base64url. The prefix makes it recognisable, as for tokens. */
export function mintClientSecret(): string {
  return `its_${randomBytes(32).toString('base64url')}`
}

/** A plain SHA-256 is enough because secrets are long and random; a configured one must have 32 characters or more. */
export function digestClientSecret(secret: string): Uint8Array {
  return hash('sha256', `client secret ${secret}`, 'buffer')
}

/**
 * The client with this id and secret. During a rotation the previous secret is accepted as well.
 *
 * An unknown id, a disabled client and a wrong secret all cost the same digest and comparisons and throw the same
 * error, so a caller cannot find out which ids exist.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED
 */
export async function authenticateClient(
  store: { findClient(id: string): Promise<StoredClient | undefined> },
  { id, secret, at }: { readonly id: string; readonly secret: string; readonly at: Date },
): Promise<StoredClient> {
  const client = await store.findClient(id)
  const digest = digestClientSecret(secret)
  const previous = client?.previousSecret
  const isCurrent = timingSafeEqual(client?.secretDigest ?? noDigest, digest)
  const isPrevious = timingSafeEqual(previous?.digest ?? noDigest, digest)
  const isAccepted = isCurrent || (isPrevious && previous !== undefined && at < previous.until)
  if (client === undefined || client.disabledAt !== undefined || !isAccepted)
    throw new TokenServiceError('ERR_UNAUTHENTICATED', 'The client id or secret is wrong.')
  return client
}

/** The scopes of the admin client: all of them, so that it can create tokens with any service scope. */
export const adminScopes: readonly ServiceScope[] = serviceScopes

const noDigest = new Uint8Array(32)
