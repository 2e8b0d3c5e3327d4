import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { retentionSlots } from '../tokens/retention.ts'
import type { Database } from './engine/database.ts'
import { guardStorage } from './engine/errors.ts'
import { completeCounts } from './invalidate-scope.ts'
import { tokenPairs } from './schema.ts'

export interface RetentionOptions {
  /** How many days the record keeps a revocation; longer, while any pair issued before it is stored. */
  readonly revocationDays: number
  /** The clock of this process. Nothing is deleted that has not expired by the shared clock too. */
  readonly clock: () => Date
}

export interface Deletions {
  readonly slots: readonly number[]
  readonly revocations: number
}

/** An expired pair is kept for this long: clocks are never quite equal. */
const marginSeconds = 300
/** Small enough that a batch delays no other statement noticeably, large enough that a million rows take seconds. */
const batchRows = 5_000

/**
 * Deletes expired pairs and old revocations. Any number of processes may do so at the same time.
 *
 * Pairs are deleted a slot at a time: a truncate costs the same for a million rows as for one. Revocations are deleted
 * in batches, oldest first, once they are older than `revocationDays` and older than the oldest pair that is kept. A
 * pair issued after a revocation is not covered by it, so such a revocation covers no pair that is still stored.
 */
export async function deleteExpired(
  database: Database,
  { revocationDays, clock }: RetentionOptions,
): Promise<Deletions> {
  const now = Math.min(clock().getTime(), database.time.now().getTime())
  const slots: number[] = []
  for (let slot = 0; slot < retentionSlots; slot++)
    if (await emptySlot(database, slot, new Date(now - marginSeconds * 1000))) slots.push(slot)
  return { slots, revocations: await deleteRevocations(database, new Date(now - revocationDays * 86_400_000)) }
}

async function emptySlot({ db }: Database, slot: number, cut: Date): Promise<boolean> {
  const [row] = await db
    .select({ isEmptied: sql<boolean>`empty_slot(${slot}, ${cut.toISOString()}::timestamptz)` })
    .from(sql`(select) one`)
  return row?.isEmptied ?? false
}

/** The same statement notes the newest transaction among the deleted rows, for followers that have not seen it. */
async function deleteRevocations({ db }: Database, cut: Date): Promise<number> {
  const gone = db.$with('gone', {}).as(sql`
    delete from revocations where revision in (
      select revision from revocations
      where revision < coalesce((select min(id) from ${tokenPairs}), 281474976710655) and at < ${cut.toISOString()}::timestamptz
      order by revision limit ${batchRows} for update skip locked)
    returning xid`)
  const noted = db.$with('noted', {}).as(sql`
    insert into forgotten_revocations as noted (up_to) select xid from gone order by xid desc limit 1
    on conflict (is_only) do update set up_to = greatest(noted.up_to, excluded.up_to)`)
  for (let deleted = 0; ; ) {
    const [batch] = await db
      .with(gone, noted)
      .select({ rows: sql`count(*)`.mapWith(Number) })
      .from(sql`gone`)
    deleted += batch?.rows ?? 0
    if (batch === undefined || batch.rows < batchRows) return deleted
  }
}

async function runOnce(database: Database, options: RetentionOptions): Promise<void> {
  await database.identity.check()
  // A restored database stays as it is until an operator has seen it.
  if (database.identity.refusal() !== undefined) return
  const mayDelete = await database.time.check()
  // Counts first: the pairs and revocations that a count needs may be deleted next.
  await completeCounts(database, database.time.now())
  if (mayDelete) {
    const { slots, revocations } = await deleteExpired(database, options)
    database.observer.retention({ slots: slots.length, revocations })
  }
}

/**
 * About every minute, until the process ends or the returned function is called: checks whether the database was
 * restored from a backup under this process, completes counts and, unless the clocks contradict each other, deletes
 * expired rows. After a failure, which is the
 * event `retention_failed` of the database, the next round tries again.
 */
export function startRetention(database: Database, options: RetentionOptions): () => Promise<void> {
  const stopping = new AbortController()
  const running = run()
  return async () => {
    stopping.abort()
    database.background.cancel()
    await running
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await guardStorage(() => runOnce(database, options)).catch((error: unknown) => {
        if (!stopping.signal.aborted) database.emit({ name: 'retention_failed', error })
      })
      // Random, so that processes do not all run in the same second.
      const pauseMs = 45_000 + Math.random() * 30_000
      await sleep(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {
        // Aborted by the returned function: the loop ends.
      })
    }
  }
}
