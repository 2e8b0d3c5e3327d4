import type { OwnerScope } from './owner.ts'
import type { Revocation } from './revocation.ts'

/** The log as the mind reads it. It throws `ERR_STORAGE_UNAVAILABLE` when the database does not answer. */
export interface RevocationLog {
  /** Undefined once it was forgotten. */
  find(revision: number): Promise<Revocation | undefined>

  /** Revocations, the newest first. */
  list(page: RevocationPage): Promise<readonly Revocation[]>
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
