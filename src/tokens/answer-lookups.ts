import type { Revocation } from './coverage.ts'
import type { Session, StoredSession } from './store.ts'

/**
 * The key of `AnswerLookups` in `Tokens`. The package does not export it, so that programs which use the module cannot
 * read sessions and revocations without a caller by mistake. Object spread keeps it, so an object that replaces some
 * verbs of a `Tokens` keeps the look-ups.
 */
export const answerLookups = Symbol('answer lookups')

/**
 * Look-ups for the schema alone, to complete an answer that its caller has already been given. Access is not checked:
 * the caller may see what was answered, and these belong to it.
 */
export interface AnswerLookups {
  /**
   * The device and the times of a session that was answered. Undefined once the session was deleted. Concurrent calls
   * share one SQL statement.
   */
  session(session: Session): Promise<StoredSession | undefined>

  /** The revocation that ended a session that was answered, or that the caller has just made. */
  revocation(revision: number): Promise<Revocation | undefined>
}
