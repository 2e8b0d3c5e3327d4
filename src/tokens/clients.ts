import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ServiceScope } from './caller.ts'
import { TokenServiceError } from './errors.ts'

/** A program that authenticates with an id and a secret: a login service, a gateway, an administrator's script. */
export interface Client {
  readonly id: string
  readonly secretDigest: Uint8Array
  readonly scopes: readonly string[]
}

export interface ClientStore {
  findClient(id: string): Promise<Client | undefined>
  /** Adds the client if there is no client at all yet; says whether it did. Of any number of callers one adds. */
  addFirstClient(client: Client): Promise<boolean>
  /** Adds the client, or gives it this secret and these scopes. */
  putClient(client: Client): Promise<void>
}

/** A client's secret: "its_" and 32 random bytes in base64url, recognisable like our tokens. */
export function mintClientSecret(): string {
  return `its_${randomBytes(32).toString('base64url')}`
}

/** A plain SHA-256 is enough because secrets are long and random; configured ones must have 32 characters or more. */
export function digestClientSecret(secret: string): Uint8Array {
  return hash('sha256', `client secret ${secret}`, 'buffer')
}

/**
 * The client with this id and secret.
 *
 * An unknown id costs the same digest and comparison as a wrong secret and ends in the same words.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED
 */
export async function authenticateClient(store: ClientStore, id: string, secret: string): Promise<Client> {
  const client = await store.findClient(id)
  const isRight = timingSafeEqual(client?.secretDigest ?? noDigest, digestClientSecret(secret))
  if (client === undefined || !isRight)
    throw new TokenServiceError('ERR_UNAUTHENTICATED', 'The client id or secret is wrong.')
  return client
}

/** Whoever asks for the first client of an empty database gets the rights to make all others. */
export const adminScopes: readonly ServiceScope[] = ['create_token', 'introspect_token', 'manage_token']

const noDigest = new Uint8Array(32)
