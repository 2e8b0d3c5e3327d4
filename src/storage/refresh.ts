import { sql } from 'drizzle-orm'
import type { Spending, SpendingAnswer, StoredPair } from '../tokens/store.ts'
import { column, list } from './columns.ts'
import type { Database } from './engine/database.ts'
import { createJsonColumns, isNullAt, numberAt } from './json-row.ts'
import { addPairColumns } from './pair-row.ts'
import { tokenPairStates } from './schema.ts'

/** Another request spent the token at the same time. Its row is committed, so the next attempt reads it. */
export const lostRace = 'lostRace'

/**
 * Spends refresh tokens, each on its successor: one statement and one commit for the batch, and for each item all its
 * rows or none.
 *
 * It reads the pairs under their owners' locks. So either it sees a concurrent revocation and refuses the token, or the
 * revocation sees the successor and counts it. The primary key of `spent_refresh_tokens` lets one request win.
 */
export function prepareRefresh({
  db,
  statementName,
}: Database): (spendings: readonly Spending[]) => Promise<readonly (SpendingAnswer | typeof lostRace)[]> {
  // "rows from" puts each item of the batch beside its pair, by position: a join would compare every item with every
  // pair. The query has the view's own name, so that drizzle decodes its columns as those of the view.
  //
  // If two items of one batch have the same token, the first may spend it and the second is tried again. Only items
  // with the right digest are ranked. Otherwise a forged token for the same pair (its slot and id are no secret) could
  // be ranked first in every attempt.
  const known = db.$with('token_pair_states', {}).as(sql`
    select pair.*, nextval('revision') as new_id,
      row_number() over (partition by pair.slot, pair.id order by pair.ordinality) = 1
        and not pair.refresh_invalidated and pair.spent_at is null and pair.expires_at > asked_at as may_spend
    from rows from (
      unnest(${list('digests', 'bytea')}, ${list('at', 'timestamptz')}, ${list('salts', 'bytea')},
        ${list('successorSlots', 'smallint')}, ${list('accessExpiresAt', 'timestamptz')},
        ${list('expiresAt', 'timestamptz')}, ${list('accessDigests', 'bytea')}, ${list('refreshDigests', 'bytea')}),
      lock_pairs(${list('slots', 'smallint')}, ${list('ids', 'bigint')})
    ) with ordinality pair (digest, asked_at, new_salt, new_slot, new_access_expires_at, new_expires_at,
      new_access_digest, new_refresh_digest)
    where digest = pair.refresh_digest`)
  const spent = db.$with('spent', {}).as(sql`
    insert into spent_refresh_tokens (slot, pair_id, successor_slot, successor_id, salt, spent_at)
    select slot, id, new_slot, new_id, new_salt, asked_at + ${waited} from token_pair_states where may_spend order by id
    on conflict do nothing returning successor_id`)
  // With "is true" Postgres looks each id up in a hash. Without it, Postgres expects one row and compares each row with
  // each, in three nested loops.
  const hasWon = sql`(new_id in (select successor_id from spent)) is true`
  const succeeded = db.$with('succeeded', {}).as(sql`
    insert into token_pairs (slot, id, session_id, realm, username, client_id, scopes, issued_at, session_started_at,
      access_expires_at, expires_at, access_digest, refresh_digest, device_label, user_agent, ip_address)
    select new_slot, new_id, session_id, realm, username, client_id, scopes, asked_at, started_at,
      new_access_expires_at, new_expires_at, new_access_digest, new_refresh_digest, device_label, user_agent, ip_address
    from token_pair_states where ${hasWon}`)
  const columns = createJsonColumns()
  const place = columns.number(sql`ordinality`)
  /** Null if it was not spent here. */
  const wonId = columns.number(sql`case when ${hasWon} then new_id end`)
  const readPair = addPairColumns(columns)
  const statement = db
    .with(known, spent, succeeded)
    .select({ rows: columns.aggregate() })
    .from(tokenPairStates)
    .prepare(statementName('refresh'))

  return async (spendings) => {
    const [found] = await statement.execute({
      slots: column(spendings, ({ presented }) => presented.slot),
      ids: column(spendings, ({ presented }) => presented.id),
      digests: column(spendings, ({ presented }) => presented.digest),
      at: column(spendings, ({ at }) => at.toISOString()),
      salts: column(spendings, ({ salt }) => salt),
      successorSlots: column(spendings, ({ successor }) => successor.slot),
      accessExpiresAt: column(spendings, ({ successor }) => successor.access.expiresAt.toISOString()),
      expiresAt: column(spendings, ({ successor }) => successor.refresh.expiresAt.toISOString()),
      accessDigests: column(spendings, ({ successor }) => successor.access.digest),
      refreshDigests: column(spendings, ({ successor }) => successor.refresh.digest),
    })
    const answers = new Array<SpendingAnswer | typeof lostRace>(spendings.length).fill({ outcome: 'unknown' })
    for (const row of found?.rows ?? []) {
      const index = numberAt(row, place) - 1
      const at = spendings[index]?.at
      const successorId = isNullAt(row, wonId) ? undefined : numberAt(row, wonId)
      if (at !== undefined) answers[index] = answerOf(readPair(row), successorId, at)
    }
    return answers
  }
}

/**
 * How long the statement has waited, for locks above all, in whole seconds. A refresh is spent when it commits, so its
 * grace period begins then: the caller whose answer was late, or lost, has all of that period to ask again.
 *
 * The transaction is this statement. `statement_timestamp()` would be that of its last protocol message, which comes after
 * the wait for the lock of a table.
 */
const waited = sql`date_trunc('second', clock_timestamp() - now())`

function answerOf(pair: StoredPair, successorId: number | undefined, at: Date): SpendingAnswer | typeof lostRace {
  if (successorId !== undefined) return { outcome: 'refreshed', pair, successorId }
  if (pair.refresh === undefined || pair.refresh.expiresAt <= at) return { outcome: 'expired' }
  if (pair.refresh.isInvalidated) return { outcome: 'invalidated' }
  return pair.spent === undefined ? lostRace : { outcome: 'spent-before', pair, spent: pair.spent }
}
