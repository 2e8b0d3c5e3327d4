import { and, eq, not, sql } from 'drizzle-orm'
import type { FailureCount, FailureCounts } from '../tokens/failure-counts.ts'
import { type Database, databaseClock } from './engine/database.ts'
import { failedAuthentications as counts } from './schema.ts'

/**
 * Counts in the database, by its clock: the clocks of the instances may differ. Counts whose window is over are deleted
 * when a failure comes, at most once a minute.
 */
export function createFailureCounts({ db, observer }: Pick<Database, 'db' | 'observer'>): FailureCounts {
  const fields = {
    failures: sql<number>`${counts.failures}::int`,
    endsInMs: sql<number>`greatest(0, extract(epoch from ${counts.endsAt} - ${databaseClock}) * 1000)::int`,
  }
  const observed = async (run: () => Promise<readonly FailureCount[]>) => {
    const [count] = await observer.statement('count_failures', [observer.here()], run)
    return count ?? { failures: 0, endsInMs: 0 }
  }
  let deletedAt = performance.now()
  return {
    add: async (key, windowSeconds) => {
      if (performance.now() - deletedAt > deleteEveryMs) {
        deletedAt = performance.now()
        await deleteFailureCounts({ db })
      }
      const endsAt = sql`${databaseClock} + make_interval(secs => ${windowSeconds})`
      return observed(() =>
        db
          .insert(counts)
          .values({ key, failures: 1, endsAt })
          .onConflictDoUpdate({
            target: counts.key,
            set: {
              failures: sql`case when ${isOver} then 1 else ${counts.failures} + 1 end`,
              endsAt: sql`case when ${isOver} then excluded.ends_at else ${counts.endsAt} end`,
            },
          })
          .returning(fields),
      )
    },
    read: (key) =>
      observed(() =>
        db
          .select(fields)
          .from(counts)
          .where(and(eq(counts.key, key), not(isOver))),
      ),
  }
}

const deleteEveryMs = 60_000

const isOver = sql`${counts.endsAt} <= ${databaseClock}`

/** Deletes the counts whose window is over. */
export async function deleteFailureCounts({ db }: Pick<Database, 'db'>): Promise<void> {
  await db.delete(counts).where(isOver)
}
