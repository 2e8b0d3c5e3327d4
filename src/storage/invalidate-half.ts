import { sql } from 'drizzle-orm'
import type { Attribution, HalfInvalidation } from '../tokens/store.ts'
import type { HalfReference } from '../tokens/token.ts'
import { column, list } from './columns.ts'
import type { Database } from './engine/database.ts'

export interface HalfToInvalidate {
  readonly reference: HalfReference
  readonly by: Attribution
}

/**
 * Invalidates single halves: one statement, one commit for the batch.
 *
 * The insert itself, unique on pair and half, decides whether a half was ended newly or previously. The statement first
 * takes the owner's locks, so no revocation of the owner can commit between the read and the insert.
 *
 * Digests are compared by `=`, which is safe: they are hashes of 192 random bits, so an attacker who learns one by
 * timing gains nothing.
 */
export function prepareInvalidateHalves({
  db,
  statementName,
}: Database): (halves: readonly HalfToInvalidate[]) => Promise<readonly HalfInvalidation[]> {
  // "rows from" puts each item of the batch beside its pair, by position: a join would compare every item with every
  // pair.
  const known = db.$with('known', {}).as(sql`
    select pair.id, pair.session_id, pair.realm, pair.username, selector::revocation_selector as selector, asked_at,
      caller, reason, comment, pair.ordinality as place, nextval('revision') as revision,
      case selector when 'access_token' then pair.access_ended else pair.refresh_ended end as is_ended,
      row_number() over (partition by pair.id, selector order by pair.ordinality) = 1 as is_first
    from rows from (
      unnest(${list('selectors', 'text')}, ${list('digests', 'bytea')}, ${list('at', 'timestamptz')},
        ${list('callers', 'text')}, ${list('reasons', 'text')}, ${list('comments', 'text')}),
      lock_pairs(${list('slots', 'smallint')}, ${list('ids', 'bigint')})
    ) with ordinality pair (selector, digest, asked_at, caller, reason, comment)
    where digest = case selector when 'access_token' then pair.access_digest else pair.refresh_digest end`)
  // Rows are inserted in one order: otherwise two batches could wait for each other's rows and deadlock.
  const ended = db.$with('ended', {}).as(sql`
    insert into revocations (revision, selector, pair_id, session_id, realm, username, at, caller, reason, comment,
      invalidated, previously_invalidated)
    select revision, selector, id, session_id, realm, username, asked_at, caller, reason, comment, 1, 0
    from known where is_first and not is_ended order by id, selector
    on conflict do nothing returning revision`)
  const statement = db
    .with(known, ended)
    .select({
      place: sql`place`.mapWith(Number),
      revision: sql`revision`.mapWith(Number),
      isNew: sql<boolean>`revision in (select revision from ended)`,
    })
    .from(sql`known`)
    .prepare(statementName('invalidate_halves'))

  return async (halves) => {
    const rows = await statement.execute({
      slots: column(halves, ({ reference }) => reference.slot),
      ids: column(halves, ({ reference }) => reference.id),
      selectors: column(halves, ({ reference }) => `${reference.half}_token`),
      digests: column(halves, ({ reference }) => reference.digest),
      at: column(halves, ({ by }) => by.at.toISOString()),
      callers: column(halves, ({ by }) => by.caller),
      reasons: column(halves, ({ by }) => by.reason ?? null),
      comments: column(halves, ({ by }) => by.comment ?? null),
    })
    const answers = new Array<HalfInvalidation>(halves.length).fill({ outcome: 'unknown' })
    for (const { place, revision, isNew } of rows)
      answers[place - 1] = isNew ? { outcome: 'newly', revision } : { outcome: 'previously' }
    return answers
  }
}
