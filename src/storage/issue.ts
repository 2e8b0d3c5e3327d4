import { sql } from 'drizzle-orm'
import type { NewPair } from '../tokens/store.ts'
import { column, list } from './columns.ts'
import type { Database } from './engine/database.ts'
import { tokenPairs } from './schema.ts'

/** How far the clock of a process may be from the database's before a login also gets the time by the database's. */
const toleranceSeconds = sql.raw('0.1')

/**
 * Inserts new sessions, each with its first pair, and returns their ids in order: one statement, one commit. Null, and no
 * row, where the client that asks was disabled, deleted or given another secret after the caller had authenticated.
 *
 * `issued_at` and the expiries are by the clock of the process that answers, so that they fit each other. `issuedBefore`
 * compares logins of all processes, so where that clock is wrong, the login also gets its time by the database's clock. A
 * row of a process whose clock is right stays 8 bytes shorter.
 */
export function prepareIssue({
  db,
  statementName,
  clock,
}: Database): (pairs: readonly NewPair[]) => Promise<readonly (number | null)[]> {
  const asked = db.$with('asked', {}).as(sql`
    select * from unnest(
      ${list('slots', 'smallint')}, ${list('realms', 'text')}, ${list('usernames', 'text')}, ${list('clientIds', 'text')},
      ${list('scopes', 'text')}, ${list('issuedAt', 'timestamptz')}, ${list('accessExpiresAt', 'timestamptz')},
      ${list('expiresAt', 'timestamptz')}, ${list('accessDigests', 'bytea')}, ${list('refreshDigests', 'bytea')},
      ${list('deviceLabels', 'text')}, ${list('userAgents', 'text')}, ${list('ipAddresses', 'text')}
    ) with ordinality asked (slot, realm, username, client_id, scopes, issued_at, access_expires_at, expires_at,
      access_digest, refresh_digest, device_label, user_agent, ip_address, place)`)
  const locked = db.$with('locked', {}).as(sql`
    select lock_names_shared(${list('realms', 'text')}, ${list('usernames', 'text')})`)
  // Under the lock that a change of a client takes alone: either this statement sees the change, or it committed before
  // it.
  const checked = db.$with('checked', {}).as(sql`
    select outdated_clients(${list('clientIds', 'text')}, ${list('credentialRevisions', 'bigint')}) as outdated from locked`)
  // The id is taken after the locks: so the revocation of a scope sees every login with an id below its own revision.
  const numbered = db
    .$with('numbered', { id: tokenPairs.id, place: sql<number>`place`.mapWith(Number).as('place') })
    .as(sql`
    select asked.*, nextval('revision') as id, ${clock} as inserted_at
    from checked cross join asked where asked.place <> all(checked.outdated)`)
  const inserted = db.$with('inserted', {}).as(sql`
    insert into token_pairs (slot, id, session_id, realm, username, client_id, scopes, issued_at, session_started_at,
      access_expires_at, expires_at, access_digest, refresh_digest, device_label, user_agent, ip_address)
    select slot, id, id, realm, username, client_id, scopes, issued_at,
      case when abs(extract(epoch from inserted_at - issued_at)) > ${toleranceSeconds} then inserted_at end,
      access_expires_at, expires_at, access_digest, refresh_digest, device_label, user_agent, ip_address
    from numbered order by id`)
  const statement = db
    .with(asked, locked, checked, numbered, inserted)
    .select({ id: numbered.id, place: numbered.place })
    .from(numbered)
    .prepare(statementName('issue'))

  return async (pairs) => {
    const rows = await statement.execute({
      slots: column(pairs, (pair) => pair.slot),
      realms: column(pairs, (pair) => pair.owner.realm),
      usernames: column(pairs, (pair) => pair.owner.username),
      clientIds: column(pairs, (pair) => pair.clientId),
      credentialRevisions: column(pairs, (pair) => pair.credentialRevision ?? null),
      scopes: column(pairs, (pair) => pair.scopes.join(' ')),
      issuedAt: column(pairs, (pair) => pair.issuedAt.toISOString()),
      accessExpiresAt: column(pairs, (pair) => pair.access.expiresAt.toISOString()),
      expiresAt: column(pairs, (pair) => (pair.refresh ?? pair.access).expiresAt.toISOString()),
      accessDigests: column(pairs, (pair) => pair.access.digest),
      refreshDigests: column(pairs, (pair) => pair.refresh?.digest ?? null),
      deviceLabels: column(pairs, (pair) => pair.device.label ?? null),
      userAgents: column(pairs, (pair) => pair.device.userAgent ?? null),
      ipAddresses: column(pairs, (pair) => pair.device.ipAddress ?? null),
    })
    const ids = new Array<number | null>(pairs.length).fill(null)
    for (const { place, id } of rows) ids[place - 1] = id
    return ids
  }
}
