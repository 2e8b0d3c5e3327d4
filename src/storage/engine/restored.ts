import { sql } from 'drizzle-orm'
import type { Database } from './database.ts'

/**
 * After a dump was restored into another cluster, rows may name transactions that this one has not come to yet: no
 * snapshot has seen them, so no follower would be handed them. They are made as old as can be, before anybody follows. (Cursors from before are of another cluster, and refused for that.)
 */
export async function settleRestoredRows({ db }: Pick<Database, 'db'>): Promise<void> {
  await db.execute(sql`
    update revocations set xid = '1'
    where xid >= pg_snapshot_xmin(pg_current_snapshot()) and not pg_visible_in_snapshot(xid, pg_current_snapshot())`)
  // Or every cursor would count as too old, until this cluster has come as far as the other.
  await db.execute(sql`
    update forgotten_revocations set up_to = '1' where not pg_visible_in_snapshot(up_to, pg_current_snapshot())`)
}
