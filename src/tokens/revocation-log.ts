import type { OwnerScope } from './owner.ts'
import type { Revocation } from './revocation.ts'
import type { PairKey } from './token.ts'

/** The log as the mind reads it. It throws `ERR_STORAGE_UNAVAILABLE` when the database does not answer. */
export interface RevocationLog {
  /** Undefined once it was forgotten. */
  find(revision: number): Promise<Revocation | undefined>

  /** Revocations, the newest first. */
  list(page: RevocationPage): Promise<readonly Revocation[]>

  /** The revocation that ended an access token: its own, its session's or its owner's. Undefined while it is none. */
  findEnding(accessToken: PairKey): Promise<Revocation | undefined>

  /** The cursor of somebody who has seen all there is now. */
  position(): Promise<string>

  /**
   * What a cursor has not seen yet, from the beginning of what is kept if there is none: each row once for whoever goes
   * on with the cursor of the page before, whatever was committed meanwhile.
   *
   * @throws TokenServiceError ERR_BAD_INPUT: not a cursor
   */
  readSince(cursor: string | undefined, options: SinceOptions): Promise<LogPage>

  /**
   * Calls `onChange` whenever there may be something new; now and then for nothing. It is a hint: whoever is woken reads the
   * log. Answers the function that ends it.
   */
  listen(onChange: () => void): () => void
}

export interface SinceOptions {
  readonly limit: number
  /** Stop there: a position that was taken after the cursor. Left out, it is now. */
  readonly upTo?: string | undefined
}

export interface LogPage {
  /** In order of their revision. */
  readonly revocations: readonly Revocation[]
  readonly cursor: string
  /** Something that the cursor had not seen was forgotten, or it is of another database: this is the beginning again. */
  readonly hasGap: boolean
  /** Whether to ask again at once. */
  readonly hasMore: boolean
}

export interface RevocationPage {
  /** Those that name this owner, or somebody in this realm, or this username in any realm. */
  readonly scope: OwnerScope | undefined
  readonly sessionId: number | undefined
  readonly reason: string | undefined
  /** Only revocations older than this revision. */
  readonly before: number | undefined
  readonly limit: number
}
