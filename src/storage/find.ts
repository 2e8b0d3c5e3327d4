import { sql } from 'drizzle-orm'
import type { StoredPair } from '../tokens/store.ts'
import type { PairKey } from '../tokens/token.ts'
import { column, list } from './columns.ts'
import type { Database } from './engine/database.ts'
import { createJsonColumns, numberAt } from './json-row.ts'
import { addPairColumns } from './pair-row.ts'
import { tokenPairStates as state } from './schema.ts'

/** Reads pairs by their keys, each in its current state. The read takes no lock and waits for no other statement. */
export function prepareFind({
  db,
  statementName,
}: Database): (keys: readonly PairKey[]) => Promise<readonly (StoredPair | null)[]> {
  const columns = createJsonColumns()
  const place = columns.number(sql`named.place`)
  const readPair = addPairColumns(columns)
  const statement = db
    .select({ rows: columns.aggregate() })
    .from(sql`unnest(${list('slots', 'smallint')}, ${list('ids', 'bigint')}) with ordinality named (slot, id, place)`)
    .innerJoin(
      sql`lateral (select * from ${state} where slot = named.slot and id = named.id limit 1) ${state}`,
      sql`true`,
    )
    .prepare(statementName('find'))

  return async (keys) => {
    const [found] = await statement.execute({
      slots: column(keys, (key) => key.slot),
      ids: column(keys, (key) => key.id),
    })
    const pairs = new Array<StoredPair | null>(keys.length).fill(null)
    for (const row of found?.rows ?? []) pairs[numberAt(row, place) - 1] = readPair(row)
    return pairs
  }
}
