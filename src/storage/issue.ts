import { sql } from 'drizzle-orm'
import type { NewPair } from '../tokens/store.ts'
import { column, list } from './columns.ts'
import type { Database } from './database.ts'
import { tokenPairs } from './schema.ts'

/** Appends new sessions, each with its first pair, and answers their ids in order: one statement, one commit. */
export function prepareIssue({ db }: Database): (pairs: readonly NewPair[]) => Promise<readonly number[]> {
  const asked = db.$with('asked', {}).as(sql`
    select * from unnest(
      ${list('slots', 'smallint')}, ${list('realms', 'text')}, ${list('usernames', 'text')}, ${list('clientIds', 'text')},
      ${list('scopes', 'text')}, ${list('issuedAt', 'timestamptz')}, ${list('accessDigests', 'bytea')},
      ${list('accessExpiresAt', 'timestamptz')}, ${list('refreshDigests', 'bytea')}, ${list('refreshExpiresAt', 'timestamptz')}
    ) with ordinality asked (slot, realm, username, client_id, scopes, issued_at,
      access_digest, access_expires_at, refresh_digest, refresh_expires_at, place)`)
  const locked = db.$with('locked', {}).as(sql`
    select lock_names_shared(${list('realms', 'text')}, ${list('usernames', 'text')})`)
  // The number is taken after the locks: whoever revokes a scope has seen every login numbered before it.
  const numbered = db
    .$with('numbered', { id: tokenPairs.id, place: sql<number>`place`.mapWith(Number).as('place') })
    .as(sql`
    select asked.*, nextval('revision') as id from locked cross join asked`)
  const inserted = db.$with('inserted', {}).as(sql`
    insert into token_pairs (slot, id, session_id, realm, username, client_id, scopes, issued_at,
      access_digest, access_expires_at, refresh_digest, refresh_expires_at)
    select slot, id, id, realm, username, client_id, string_to_array(scopes, ' '), issued_at,
      access_digest, access_expires_at, refresh_digest, refresh_expires_at
    from numbered order by id`)
  const statement = db
    .with(asked, locked, numbered, inserted)
    .select({ id: numbered.id })
    .from(numbered)
    .orderBy(numbered.place)
    .prepare('issue')

  return async (pairs) => {
    const rows = await statement.execute({
      slots: column(pairs, (pair) => pair.slot),
      realms: column(pairs, (pair) => pair.owner.realm),
      usernames: column(pairs, (pair) => pair.owner.username),
      clientIds: column(pairs, (pair) => pair.clientId),
      scopes: column(pairs, (pair) => pair.scopes.join(' ')),
      issuedAt: column(pairs, (pair) => pair.issuedAt.toISOString()),
      accessDigests: column(pairs, (pair) => pair.access.digest),
      accessExpiresAt: column(pairs, (pair) => pair.access.expiresAt.toISOString()),
      refreshDigests: column(pairs, (pair) => pair.refresh?.digest ?? null),
      refreshExpiresAt: column(pairs, (pair) => pair.refresh?.expiresAt.toISOString() ?? null),
    })
    return rows.map(({ id }) => id)
  }
}
