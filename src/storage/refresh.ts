import { sql } from 'drizzle-orm'
import type { Spending, SpendingAnswer, StoredPair } from '../tokens/store.ts'
import { column, list } from './columns.ts'
import type { Database } from './engine/database.ts'
import { createJsonColumns, isNullAt, numberAt } from './json-row.ts'
import { addPairColumns } from './pair-row.ts'
import { tokenPairStates } from './schema.ts'

/** Lost the race for the token by a hair: the winner's row is committed, and reading again shows it. */
export const lostRace = 'lostRace'

/**
 * Spends refresh tokens, each on its successor: one statement, one commit, all or nothing for each member.
 *
 * It reads the pairs under their locks, so a revocation that is being made beside it is either seen here (the token
 * is refused) or sees the successor there (and counts it). The primary key of `spent_refresh_tokens` picks one winner.
 */
export function prepareRefresh({
  db,
  statementName,
}: Database): (spendings: readonly Spending[]) => Promise<readonly (SpendingAnswer | typeof lostRace)[]> {
  // "rows from" sets each member and its pair side by side: to join them would compare each with each. Under the view's
  // own name, so that drizzle reads its columns as the view's.
  //
  // Two of one batch with the same token: the first may spend it, the other finds out by asking again. Only those with
  // the right digest are ranked, or a forged token for the same pair (its place is no secret) could stand first, again
  // and again.
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
    select slot, id, new_slot, new_id, new_salt, asked_at from token_pair_states where may_spend order by id
    on conflict do nothing returning successor_id`)
  // "is true" keeps it a look-up in a hash: Postgres expects one row and would compare each with each, three deep.
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

function answerOf(pair: StoredPair, successorId: number | undefined, at: Date): SpendingAnswer | typeof lostRace {
  if (successorId !== undefined) return { outcome: 'refreshed', pair, successorId }
  if (pair.refresh === undefined || pair.refresh.expiresAt <= at) return { outcome: 'expired' }
  if (pair.refresh.isInvalidated) return { outcome: 'invalidated' }
  return pair.spent === undefined ? lostRace : { outcome: 'spent-before', pair, spent: pair.spent }
}
