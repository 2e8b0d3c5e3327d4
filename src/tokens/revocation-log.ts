import type { BlockSection } from './block.ts'
import type { ListableScope, Revocation } from './coverage.ts'
import type { PairKey } from './token.ts'

/**
 * The storage port for reading the log. All methods throw `ERR_STORAGE_UNAVAILABLE` when the database does not answer.
 */
export interface RevocationLog {
  /** One revocation; undefined if there is none with this revision, or retention has deleted it. */
  find(revision: number): Promise<Revocation | undefined>

  /** Revocations, the newest first. */
  list(query: RevocationsQuery): Promise<readonly Revocation[]>

  /**
   * The revocation that ended an access token: its own, its session's or its owner's. Undefined while it has not ended.
   */
  findEnding(accessToken: PairKey): Promise<Revocation | undefined>

  /** The cursor of a reader that has seen everything that is in the log now. */
  position(): Promise<string>

  /**
   * The next page of revocations that a cursor has not seen; without a cursor, from the oldest kept row on. A reader
   * that continues with the cursor of the page before gets each row once, whatever was committed in between.
   *
   * @throws TokenServiceError ERR_BAD_INPUT: not a cursor
   */
  readSince(cursor: string | undefined, options: SinceOptions): Promise<LogPage>

  /**
   * The same in the form of a guard: only what can still cover a live access token, and of it only what decides. A page
   * with a gap is empty: the reader begins again without a cursor.
   *
   * @throws TokenServiceError ERR_BAD_INPUT: not a cursor
   */
  readSections(cursor: string | undefined, limit: number): Promise<SectionPage>

  /**
   * Calls `onChange` whenever the log may have grown. It is only a hint, sometimes without a new row: the receiver
   * reads the log to find out. Where the notification says what was appended, `onChange` gets it; that may come before
   * the log shows it, and proves nothing about what else was appended. Answers the function that stops it.
   */
  listen(onChange: (appended?: BlockSection) => void): () => void
}

export interface SinceOptions {
  readonly limit: number
  /** Read up to this position, which was taken after the cursor. Left out, the position of the log now. */
  readonly upTo?: string | undefined
}

export interface LogPage extends PageEnd {
  /** In order of their revision. */
  readonly revocations: readonly Revocation[]
}

export interface SectionPage extends PageEnd {
  readonly sections: readonly BlockSection[]
}

interface PageEnd {
  readonly cursor: string
  /** Names the history of the database. Within one, revisions and ids are never used twice. */
  readonly epoch: string
  /**
   * True if retention has deleted rows that the cursor had not seen, or if the cursor comes from another database. A
   * page of `readSince` then starts again from the oldest kept row.
   */
  readonly hasGap: boolean
  /** Whether more rows can be read at once. */
  readonly hasMore: boolean
}

/** Which page of which revocations. */
export interface RevocationsQuery {
  /** Only revocations that name this owner, or an owner in this realm, or this username in any realm. */
  readonly scope: ListableScope | undefined
  readonly sessionId: number | undefined
  readonly reason: string | undefined
  /** Only revocations older than this revision. */
  readonly before: number | undefined
  readonly limit: number
}
