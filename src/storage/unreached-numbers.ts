import { sql } from 'drizzle-orm'
import type { Database } from './engine/database.ts'

/** At most one query and one event in this time, however many unknown tokens are presented. */
const quietMs = 60_000

/**
 * Notices tokens whose number the sequence has not reached. A database that was set back to an earlier state no longer
 * knows the tokens that it gave out since; without this, a disk that was restored would go unnoticed.
 *
 * Call it with the number of each token that was not found. It returns at once. A forged token is well formed too, and
 * its number costs nothing, so unknown tokens must not cost a query each: numbers below the last one that was read cost
 * nothing, and all others together one query a minute.
 */
export function watchUnreachedNumbers(
  { db, emit }: Pick<Database, 'db' | 'emit'>,
  now: () => number = () => performance.now(),
): (id: number) => void {
  let lastValue = 0
  let quietUntil = Number.NEGATIVE_INFINITY

  return (id) => {
    if (id <= lastValue || now() < quietUntil) return
    quietUntil = now() + quietMs
    void check(id).catch(ignoreFailure)
  }

  async function check(id: number): Promise<void> {
    const [sequence] = await db
      .select({ last: sql`last_value - (not is_called)::int`.mapWith(Number) })
      .from(sql`revision`)
    lastValue = sequence?.last ?? lastValue
    if (id > lastValue) emit({ name: 'token_beyond_sequence', facts: { id, lastValue } })
  }
}

function ignoreFailure(): void {
  // The next unknown token asks again, in a minute.
}
