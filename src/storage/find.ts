import { getViewSelectedFields, sql } from 'drizzle-orm'
import type { StoredPair } from '../tokens/store.ts'
import type { PairKey } from '../tokens/token.ts'
import { column, list } from './columns.ts'
import type { Database } from './database.ts'
import { tokenPairStates } from './schema.ts'

export type StateRow = typeof tokenPairStates.$inferSelect

/** All columns of the view that holds the rule. */
export const stateColumns = getViewSelectedFields(tokenPairStates)

/** The pairs at these places, each as it is now: a read that waits for nobody. */
export function prepareFind({
  db,
  statementName,
}: Database): (keys: readonly PairKey[]) => Promise<readonly (StoredPair | null)[]> {
  const statement = db
    .select({ place: sql`named.place`.mapWith(Number), ...stateColumns })
    .from(sql`unnest(${list('slots', 'smallint')}, ${list('ids', 'bigint')}) with ordinality named (slot, id, place)`)
    .innerJoin(tokenPairStates, sql`${tokenPairStates.slot} = named.slot and ${tokenPairStates.id} = named.id`)
    .prepare(statementName('find'))

  return async (keys) => {
    const rows = await statement.execute({
      slots: column(keys, (key) => key.slot),
      ids: column(keys, (key) => key.id),
    })
    const found = new Map(rows.map((row) => [row.place, storedPair(row)]))
    return keys.map((_, index) => found.get(index + 1) ?? null)
  }
}

export function storedPair(row: StateRow): StoredPair {
  return {
    slot: row.slot,
    id: row.id,
    sessionId: row.sessionId,
    owner: { realm: row.realm, username: row.username },
    clientId: row.clientId,
    scopes: row.scopes === '' ? [] : row.scopes.split(' '),
    issuedAt: row.issuedAt,
    access: { digest: row.accessDigest, expiresAt: row.accessExpiresAt, isInvalidated: row.accessInvalidated },
    refresh:
      row.refreshDigest === null
        ? undefined
        : { digest: row.refreshDigest, expiresAt: row.expiresAt, isInvalidated: row.refreshInvalidated },
    spent:
      row.successorSlot === null || row.successorId === null || row.salt === null || row.spentAt === null
        ? undefined
        : { successor: { slot: row.successorSlot, id: row.successorId }, salt: row.salt, at: row.spentAt },
  }
}
