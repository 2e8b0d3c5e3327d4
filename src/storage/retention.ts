import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { retentionSlots } from '../tokens/retention.ts'
import type { Database } from './engine/database.ts'
import { guardStorage } from './engine/errors.ts'
import { completeCounts } from './invalidate-scope.ts'
import { tokenPairs } from './schema.ts'

export interface RetentionOptions {
  /** How long a revocation stays for the record after nothing that it covers can be alive. */
  readonly revocationDays: number
  readonly clock: () => Date
}

export interface Emptied {
  readonly slots: readonly number[]
  readonly revocations: number
}

/** Clocks of several machines may differ by this much; a pair past use is kept so long. */
const marginSeconds = 300
/** Small enough that a bite is over before anybody notices, large enough that a million take seconds. */
const batchRows = 5_000

/**
 * Lets go of what is past use. Any number of processes may do so at once.
 *
 * Pairs leave by the slot: a truncate costs the same for a million rows as for one. Revocations leave in bites, oldest
 * first, once they are older than `revocationDays` and than the oldest pair that is kept: a pair that was issued after
 * a revocation is not covered by it, so from then on there is nothing that the revocation could keep dead.
 */
export async function emptyExpired(database: Database, { revocationDays, clock }: RetentionOptions): Promise<Emptied> {
  const now = clock().getTime()
  const slots: number[] = []
  for (let slot = 0; slot < retentionSlots; slot++)
    if (await emptySlot(database, slot, new Date(now - marginSeconds * 1000))) slots.push(slot)
  return { slots, revocations: await forgetRevocations(database, new Date(now - revocationDays * 86_400_000)) }
}

async function emptySlot({ db }: Database, slot: number, cut: Date): Promise<boolean> {
  const [row] = await db
    .select({ isEmptied: sql<boolean>`empty_slot(${slot}, ${cut.toISOString()}::timestamptz)` })
    .from(sql`(select) one`)
  return row?.isEmptied ?? false
}

/** The newest transaction among the forgotten is noted by the same statement, for followers who had not seen it. */
async function forgetRevocations({ db }: Database, cut: Date): Promise<number> {
  const gone = db.$with('gone', {}).as(sql`
    delete from revocations where revision in (
      select revision from revocations
      where revision < coalesce((select min(id) from ${tokenPairs}), 281474976710655) and at < ${cut.toISOString()}::timestamptz
      order by revision limit ${batchRows} for update skip locked)
    returning xid`)
  const noted = db.$with('noted', {}).as(sql`
    insert into forgotten_revocations as noted (up_to) select xid from gone order by xid desc limit 1
    on conflict (is_only) do update set up_to = greatest(noted.up_to, excluded.up_to)`)
  for (let forgotten = 0; ; ) {
    const [bite] = await db
      .with(gone, noted)
      .select({ rows: sql`count(*)`.mapWith(Number) })
      .from(sql`gone`)
    forgotten += bite?.rows ?? 0
    if (bite === undefined || bite.rows < batchRows) return forgotten
  }
}

async function runOnce(database: Database, options: RetentionOptions): Promise<void> {
  // Before anything is let go that it may have to count.
  await completeCounts(database, options.clock())
  await emptyExpired(database, options)
}

/** Completes and empties every minute, for as long as the process lives or until it is stopped. A fault is told and tried again. */
export function startRetention(
  database: Database,
  options: RetentionOptions & { readonly onFault: (fault: unknown) => void },
): () => Promise<void> {
  const stopping = new AbortController()
  const running = run()
  return async () => {
    stopping.abort()
    await running
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await guardStorage(() => runOnce(database, options)).catch(options.onFault)
      // Not all processes at the same second.
      const pauseMs = 45_000 + Math.random() * 30_000
      await sleep(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {
        // Aborted: the loop ends.
      })
    }
  }
}
