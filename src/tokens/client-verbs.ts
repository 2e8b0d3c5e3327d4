import type { Caller } from './caller.ts'
import type { ClientRefusal, EndedTokens } from './client-store.ts'
import type { ListedClient } from './clients.ts'

export interface ClientRequest {
  readonly id: string
}

export interface NewSecretRequest extends ClientRequest {
  /** 32 to 512 visible ASCII characters. Left out, a secret is generated. */
  readonly secret?: string | undefined
}

export interface NewClientRequest extends NewSecretRequest {
  /** Scopes of this service; none for a client that only authenticates. */
  readonly scopes: readonly string[]
}

export interface RotateClientSecretRequest extends NewSecretRequest {
  /** How long the previous secret is accepted: 0 to 2,592,000 (30 days), by default 86,400 (a day). */
  readonly keepPreviousSeconds?: number | undefined
}

export const keepPreviousSecondsByDefault = 86_400
export const mostKeepPreviousSeconds = 2_592_000

export interface EndSessionsRequest extends ClientRequest {
  /** End all sessions that the client created, and not only the tokens that it has for itself. */
  readonly endSessions?: boolean | undefined
}

export interface ClientsRequest {
  /** The id of the last client of the page before; left out for the first page. */
  readonly after?: string | undefined
  /** How many: 1 to 1,000. */
  readonly limit: number
}

/** The answer to a change of a client: the client as it is now, or why nothing was changed. */
export type ClientAnswer =
  | {
      readonly outcome: 'changed'
      readonly client: ListedClient
      /** Set if the secret was generated here. It is shown only in this answer: the store keeps a digest of it. */
      readonly secret: string | undefined
      /** The revocation of the tokens that ended with the change; undefined if it ends none. */
      readonly ended: EndedTokens | undefined
    }
  | { readonly outcome: 'refused'; readonly reason: ClientRefusal }

export type ClientChanged = Extract<ClientAnswer, { readonly outcome: 'changed' }>

/**
 * The operations on clients: the programs that authenticate by an id and a secret.
 *
 * All operations need the scope `manage_clients`. A caller that changes a client must have all scopes that the client
 * has or is given; an operator has all. No caller can disable or delete the last enabled client with `manage_clients`,
 * or take the scope from it. The store decides both in the commit of the change, also for concurrent changes. A caller
 * whose own client was disabled, deleted or given another secret meanwhile changes nothing (`ERR_UNAUTHENTICATED`).
 *
 * A change takes effect before it answers: an old secret and the tokens that end are refused from then on. Where tokens
 * end, the log has a revocation with its reason and the caller.
 *
 * All throw TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN.
 */
export interface ClientVerbs {
  /**
   * Adds a client. Left out, `secret` is generated. Of concurrent calls with one id, one adds it. Refused: `exists`,
   * and `id-used` for the id of a deleted client, which is never used again.
   */
  createClient(request: NewClientRequest, caller: Caller): Promise<ClientAnswer>

  /**
   * Gives a client another secret as planned. The previous one is accepted for `keepPreviousSeconds` more: 0 to
   * 2,592,000 (30 days), by default 86,400 (a day). Nothing ends. Only the last previous secret is kept. Rotating to
   * the secret that the client has already changes nothing, so a request with `secret` can be repeated if its answer
   * was lost. Refused: `unknown`, `disabled`.
   */
  rotateClientSecret(request: RotateClientSecretRequest, caller: Caller): Promise<ClientAnswer>

  /**
   * Gives a client another secret because the old one has leaked. The old one, and one kept by a rotation, are refused
   * at once. The client's own tokens end, its earlier sessions lose their service scopes, and with `endSessions` all
   * that it created ends. Refused: `unknown`, `disabled`.
   */
  replaceClientSecret(request: NewSecretRequest & EndSessionsRequest, caller: Caller): Promise<ClientAnswer>

  /** Sets the scopes of a client. Refused: `unknown`, `disabled`, `last-manager`. */
  updateClient(request: ClientRequest & { readonly scopes: readonly string[] }, caller: Caller): Promise<ClientAnswer>

  /**
   * Disables a client: it does not authenticate any more, and its own tokens end; with `endSessions` all that it
   * created ends. Repeating it is harmless and answers the same `disabledAt`. Refused: `unknown`, `last-manager`.
   */
  disableClient(request: EndSessionsRequest, caller: Caller): Promise<ClientAnswer>

  /** Enables a client with a new secret. What has ended stays ended. Refused: `unknown`, `enabled`. */
  enableClient(request: NewSecretRequest, caller: Caller): Promise<ClientAnswer>

  /**
   * Deletes a client and ends all that it created. Its id stays in use for ever: no other client is given it, so that
   * what the log says of it stays true. Refused: `unknown`, `last-manager`.
   */
  deleteClient(request: ClientRequest, caller: Caller): Promise<ClientAnswer>

  /** Clients that were not deleted, also disabled ones, the oldest first. */
  listClients(request: ClientsRequest, caller: Caller): Promise<readonly ListedClient[]>

  /** One client; undefined if there is none with this id, or if it was deleted. */
  findClient(id: string, caller: Caller): Promise<ListedClient | undefined>
}
