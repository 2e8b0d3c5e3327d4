import { sql } from 'drizzle-orm'
import type { Database } from './database.ts'

/**
 * Repairs transaction numbers after a dump was restored into another cluster. Its rows may have transaction numbers
 * that this cluster has not reached yet: no snapshot contains them, so no follower would receive these rows. They get
 * the lowest number, before any follower reads. (A cursor from before the restore has another epoch, so its follower
 * gets a gap and reads from the beginning.)
 */
export async function repairRestoredRows({ db }: Pick<Database, 'db'>): Promise<void> {
  await db.execute(sql`
    update revocations set xid = '1'
    where xid >= pg_snapshot_xmin(pg_current_snapshot()) and not pg_visible_in_snapshot(xid, pg_current_snapshot())`)
  // Without this, every cursor would count as too old until this cluster has reached the other's transaction numbers.
  await db.execute(sql`
    update forgotten_revocations set up_to = '1' where not pg_visible_in_snapshot(up_to, pg_current_snapshot())`)
}
