import { sql } from 'drizzle-orm'
import type { Spending, SpendingAnswer } from '../tokens/store.ts'
import { column, list } from './columns.ts'
import type { Database } from './database.ts'
import { type StateRow, stateColumns, storedPair } from './find.ts'
import { tokenPairStates } from './schema.ts'

/** Lost the race for the token by a hair: the winner's row is committed, and reading again shows it. */
export const outpaced = 'outpaced'

/**
 * Spends refresh tokens, each on its successor: one statement, one commit, all or nothing for each member.
 *
 * It reads the pairs under their locks, so a revocation that is being made beside it is either seen here (the token
 * is refused) or sees the successor there (and counts it). The primary key of `spent_refresh_tokens` picks one winner.
 */
export function prepareRefresh({
  db,
  statementName,
}: Database): (spendings: readonly Spending[]) => Promise<readonly (SpendingAnswer | typeof outpaced)[]> {
  const asked = db.$with('asked', {}).as(sql`
    select * from unnest(
      ${list('slots', 'smallint')}, ${list('ids', 'bigint')}, ${list('digests', 'bytea')}, ${list('at', 'timestamptz')},
      ${list('salts', 'bytea')}, ${list('successorSlots', 'smallint')}, ${list('accessExpiresAt', 'timestamptz')},
      ${list('expiresAt', 'timestamptz')}, ${list('accessDigests', 'bytea')}, ${list('refreshDigests', 'bytea')}
    ) with ordinality asked (slot, id, digest, at, salt, successor_slot,
      access_expires_at, expires_at, access_digest, refresh_digest, place)`)
  // Under the view's own name, so that drizzle reads its columns as the view's.
  const locked = db.$with('token_pair_states', {}).as(sql`
    select * from locked_pair_states(${list('slots', 'smallint')}, ${list('ids', 'bigint')})`)
  // Two of one batch with the same token: the first may spend it, the other finds out by asking again. The digest is
  // part of the choice, or a forged token for the same pair (its place is no secret) could stand first, again and again.
  const able = db.$with('able', {}).as(sql`
    select asked.*, nextval('revision') as successor_id,
      state.session_id, state.realm, state.username, state.client_id, state.scopes
    from (select distinct on (slot, id, digest) * from asked order by slot, id, digest, place) asked
      join token_pair_states state on state.slot = asked.slot and state.id = asked.id and state.refresh_digest = asked.digest
    where not state.refresh_invalidated and state.spent_at is null and state.expires_at > asked.at
    order by asked.id`)
  const spent = db.$with('spent', {}).as(sql`
    insert into spent_refresh_tokens (slot, pair_id, successor_slot, successor_id, salt, spent_at)
    select slot, id, successor_slot, successor_id, salt, at from able order by id
    on conflict do nothing returning successor_id`)
  const succeeded = db.$with('succeeded', {}).as(sql`
    insert into token_pairs (slot, id, session_id, realm, username, client_id, scopes, issued_at,
      access_expires_at, expires_at, access_digest, refresh_digest)
    select successor_slot, successor_id, session_id, realm, username, client_id, scopes, at,
      access_expires_at, expires_at, access_digest, refresh_digest
    from able join spent using (successor_id)`)
  const statement = db
    .with(asked, locked, able, spent, succeeded)
    .select({
      place: sql`asked.place`.mapWith(Number),
      wonId: sql`won.successor_id`.mapWith(nullableNumber),
      ...stateColumns,
    })
    .from(tokenPairStates)
    .innerJoin(
      sql`asked`,
      sql`${tokenPairStates.slot} = asked.slot and ${tokenPairStates.id} = asked.id and ${tokenPairStates.refreshDigest} = asked.digest`,
    )
    .leftJoin(
      sql`(select place, successor_id from able join spent using (successor_id)) won`,
      sql`won.place = asked.place`,
    )
    .prepare(statementName('refresh'))

  return async (spendings) => {
    const rows = await statement.execute({
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
    const found = new Map(rows.map((row) => [row.place, row]))
    return spendings.map(({ at }, index) => answerOf(found.get(index + 1), at))
  }
}

function answerOf(
  row: (StateRow & { readonly wonId: number | null }) | undefined,
  at: Date,
): SpendingAnswer | typeof outpaced {
  if (row === undefined) return { outcome: 'unknown' }
  const pair = storedPair(row)
  if (row.wonId !== null) return { outcome: 'refreshed', pair, successorId: row.wonId }
  if (pair.refresh === undefined || pair.refresh.expiresAt <= at) return { outcome: 'expired' }
  if (pair.refresh.isInvalidated) return { outcome: 'invalidated' }
  return pair.spent === undefined ? outpaced : { outcome: 'spent-before', pair, spent: pair.spent }
}

function nullableNumber(value: unknown): number | null {
  return value === null ? null : Number(value)
}
