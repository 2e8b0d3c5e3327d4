import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ServiceScope } from './caller.ts'
import { TokenServiceError } from './errors.ts'
import { badInput, readText } from './owner.ts'

/** A program that authenticates with an id and a secret: a login service, a gateway, an administrator's script. */
export interface Client {
  readonly id: string
  readonly secretDigest: Uint8Array
  readonly scopes: readonly string[]
}

export interface StoredClient extends Client {
  /** Undefined while it may authenticate. */
  readonly disabledAt: Date | undefined
  /** Sessions that began before this revision do not have its scopes: it had another secret then, or was disabled. */
  readonly scopesValidFrom: number | undefined
}

/** A client as people see it. */
export interface ListedClient extends Pick<StoredClient, 'id' | 'scopes' | 'disabledAt'> {
  readonly createdAt: Date
}

/** All verbs throw `ERR_STORAGE_UNAVAILABLE` when the database does not answer. */
export interface ClientStore {
  /** Also one that is disabled. */
  findClient(id: string): Promise<StoredClient | undefined>
  /** Adds the client if there is no client at all yet; says whether it did. Of any number of callers one adds. */
  addFirstClient(client: Client): Promise<boolean>
  /** Adds the client if its id is free; says whether it did. Of any number of callers one adds. */
  addClient(client: Client): Promise<boolean>
  /** Adds the client, or gives it this secret and these scopes and enables it. With the same secret its sessions stand. */
  putClient(client: Client): Promise<void>
  /**
   * Gives a client that is there this secret and these scopes, and enables it; says whether it is there. Of sessions that
   * began before, its scopes are gone for good: whoever had the secret may have made them.
   */
  replaceClient(client: Client): Promise<boolean>
  /** Answers since when it is disabled, the same however often it is asked; undefined if there is no such client. */
  disableClient(id: string): Promise<Date | undefined>
  /** All of them, also those that are disabled, the oldest first. */
  listClients(): Promise<readonly ListedClient[]>
}

/**
 * A new client's id: text that a header can carry. A colon would end it there (RFC 7617 §2).
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readClientId(text: string): string {
  if (!/^[\x21-\x39\x3b-\x7e]{1,100}$/.test(text))
    throw badInput('Expected the id of a client to be 1 to 100 visible ASCII characters without a space or a colon')
  return readText('id', text, 100)
}

/**
 * A secret that somebody has chosen for a client. Long, because a plain digest of it is kept.
 *
 * @throws TokenServiceError ERR_BAD_INPUT: says what is wrong with it, and repeats nothing of it
 */
export function readClientSecret(text: string): string {
  if (isClientSecret(text)) return text
  throw badInput(`Expected the secret of a client to be ${clientSecretRule}, got ${describeWrongSecret(text)}`)
}

export function isClientSecret(text: string): boolean {
  return /^[\x21-\x7e]{32,512}$/.test(text)
}

export const clientSecretRule = '32 to 512 visible ASCII characters without spaces'

/** What is wrong with one, for a message: its length or its characters, and nothing else of it. */
export function describeWrongSecret({ length }: string): string {
  return length < 32 || length > 512 ? `${length} characters` : `${length} characters, not all of them such`
}

/** The realm of the tokens that clients have for themselves. Nobody else is given one there. */
export const clientRealm = '_clients'

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
 * An unknown id, or that of a client that is disabled, costs the same digest and comparison as a wrong secret and ends
 * in the same words.
 *
 * @throws TokenServiceError ERR_UNAUTHENTICATED
 */
export async function authenticateClient(store: ClientStore, id: string, secret: string): Promise<Client> {
  const client = await store.findClient(id)
  const isRight = timingSafeEqual(client?.secretDigest ?? noDigest, digestClientSecret(secret))
  if (client === undefined || client.disabledAt !== undefined || !isRight)
    throw new TokenServiceError('ERR_UNAUTHENTICATED', 'The client id or secret is wrong.')
  return client
}

/** Whoever asks for the first client of an empty database gets the rights to make all others. */
export const adminScopes: readonly ServiceScope[] = ['create_token', 'introspect_token', 'manage_token']

const noDigest = new Uint8Array(32)
