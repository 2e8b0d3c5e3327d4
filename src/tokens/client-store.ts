import type { Client, StoredClient } from './clients.ts'
import type { InvalidationCounts } from './coverage.ts'
import type { Attribution, Authority } from './store.ts'

/** Which page of clients. */
export interface ClientsQuery {
  /** The id of the last client of the page before; undefined for the first page. */
  readonly after: string | undefined
  readonly limit: number
}

/**
 * The storage port for clients: one method for each atomic operation. All methods throw `ERR_STORAGE_UNAVAILABLE` when
 * the database does not answer.
 */
export interface ClientStore {
  /** Also finds a disabled and a deleted client. */
  findClient(id: string): Promise<StoredClient | undefined>
  /**
   * Adds the client if the database has no client yet. Answers whether it was added: true for one of concurrent calls.
   */
  addFirstClient(client: Client): Promise<boolean>
  /** Adds the client if its id was never used and the caller has its scopes. One of concurrent calls adds it. */
  addClient(client: Client, by: ClientChangeBy): Promise<ClientChangeAnswer>
  /**
   * Adds the client. If it exists already, sets its secret and scopes and enables it; if the secret is the same as
   * before, the scopes of its earlier sessions stay valid. Answers false, and changes nothing, if it was deleted.
   */
  putClient(client: Client): Promise<boolean>
  /**
   * Changes a client, and in the same commit ends the tokens that end with it. Once it has answered, no session of a
   * caller that authenticated before is created any more, if the client was disabled, deleted or given another secret.
   */
  changeClient(id: string, change: ClientChange, by: ClientChangeBy): Promise<ClientChangeAnswer>
  /** Clients that were not deleted, also disabled ones, the oldest first. */
  listClients(query: ClientsQuery): Promise<readonly StoredClient[]>
}

/** One change of a client, as the storage port is given it. */
export type ClientChange =
  /** Planned: another secret, and the one before is accepted until then. Nothing ends. */
  | { readonly kind: 'rotate'; readonly secretDigest: Uint8Array; readonly keepPreviousUntil: Date }
  /** Leaked: another secret, and those before are refused at once. */
  | { readonly kind: 'replace'; readonly secretDigest: Uint8Array; readonly ends: ClientTokens }
  | { readonly kind: 'scopes'; readonly scopes: readonly string[] }
  | { readonly kind: 'disable'; readonly ends: ClientTokens }
  | { readonly kind: 'enable'; readonly secretDigest: Uint8Array }
  | { readonly kind: 'delete'; readonly ends: ClientTokens }

/** Which tokens end with a client: those that it has for itself, or all that it created. */
export type ClientTokens = 'own' | 'created'

/** Who changes a client, with what right, when and why. */
export interface ClientChangeBy extends Attribution, Authority {
  /** The caller must have all scopes that the client has or is given. Undefined: the caller has all. */
  readonly heldScopes: readonly string[] | undefined
}

/** The revocation that a change has appended to the log. */
export interface EndedTokens {
  readonly revision: number
  /** Undefined if counting took too long, or the database was lost meanwhile: the counts follow in the log. */
  readonly counts: InvalidationCounts | undefined
}

/** Why a client was not added or changed: an ordinary answer. */
export type ClientRefusal =
  /** There is no such client, or it was deleted. */
  | 'unknown'
  /** Another client has this id. */
  | 'exists'
  /** A client that was deleted had this id. */
  | 'id-used'
  /** The client is disabled: it must be enabled first. */
  | 'disabled'
  /** The client is enabled already. */
  | 'enabled'
  /** No other enabled client has `manage_clients`. */
  | 'last-manager'

/** Why the store refuses a change: also what the operations answer as an error. */
export type ClientChangeRefusal = ClientRefusal | 'same-secret' | 'beyond-caller' | 'outdated-caller'

/** How the store answers a change of a client. */
export type ClientChangeAnswer =
  | { readonly outcome: 'changed'; readonly client: StoredClient; readonly ended: EndedTokens | undefined }
  | { readonly outcome: ClientChangeRefusal }
