import { sql } from 'drizzle-orm'
import type { Attribution } from '../tokens/store.ts'
import type { HalfReference } from '../tokens/token.ts'
import { column, list } from './columns.ts'
import type { Database } from './database.ts'

export interface HalfInvalidation {
  readonly reference: HalfReference
  readonly by: Attribution
}

export type HalfOutcome = 'newly' | 'previously' | 'unknown'

/**
 * Ends single halves: one statement, one commit. Whether a half was ended newly or previously is decided by the insert
 * itself (unique on pair and half), after its owner's locks, under which no revocation of the owner can slip between.
 *
 * Digests are compared by `=`. They are hashes of 192 random bits: learning one by timing would open nothing.
 */
export function prepareInvalidateHalves({
  db,
  statementName,
}: Database): (invalidations: readonly HalfInvalidation[]) => Promise<readonly HalfOutcome[]> {
  const asked = db.$with('asked', {}).as(sql`
    select slot, id, selector::revocation_selector as selector, digest, at, caller, place from unnest(
      ${list('slots', 'smallint')}, ${list('ids', 'bigint')}, ${list('selectors', 'text')}, ${list('digests', 'bytea')},
      ${list('at', 'timestamptz')}, ${list('callers', 'text')}
    ) with ordinality asked (slot, id, selector, digest, at, caller, place)`)
  const state = db.$with('state', {}).as(sql`
    select * from locked_pair_states(${list('slots', 'smallint')}, ${list('ids', 'bigint')})`)
  const known = db.$with('known', {}).as(sql`
    select asked.*, nextval('revision') as revision,
      case asked.selector when 'access_token' then state.access_ended else state.refresh_ended end as is_ended,
      row_number() over (partition by asked.id, asked.selector order by asked.place) = 1 as is_first
    from asked join state on state.slot = asked.slot and state.id = asked.id
      and asked.digest = case asked.selector when 'access_token' then state.access_digest else state.refresh_digest end`)
  // In one order, or two batches that wait for each other's rows deadlock.
  const ended = db.$with('ended', {}).as(sql`
    insert into revocations (revision, selector, pair_id, at, caller, invalidated, previously_invalidated)
    select revision, selector, id, at, caller, 1, 0 from known where is_first and not is_ended order by id, selector
    on conflict do nothing returning revision`)
  const statement = db
    .with(asked, state, known, ended)
    .select({
      place: sql`place`.mapWith(Number),
      isNew: sql<boolean>`revision in (select revision from ended)`,
    })
    .from(sql`known`)
    .prepare(statementName('invalidate_halves'))

  return async (invalidations) => {
    const rows = await statement.execute({
      slots: column(invalidations, ({ reference }) => reference.slot),
      ids: column(invalidations, ({ reference }) => reference.id),
      selectors: column(invalidations, ({ reference }) => `${reference.half}_token`),
      digests: column(invalidations, ({ reference }) => reference.digest),
      at: column(invalidations, ({ by }) => by.at.toISOString()),
      callers: column(invalidations, ({ by }) => by.caller),
    })
    const outcomes = new Map(
      rows.map(({ place, isNew }): [number, HalfOutcome] => [place, isNew ? 'newly' : 'previously']),
    )
    return invalidations.map((_, index) => outcomes.get(index + 1) ?? 'unknown')
  }
}
