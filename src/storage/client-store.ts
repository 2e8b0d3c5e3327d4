import { and, asc, isNull, type SQL, sql } from 'drizzle-orm'
import type { ClientStore } from '../tokens/client-store.ts'
import type { Client, StoredClient } from '../tokens/clients.ts'
import { createBatcher } from './batch.ts'
import { clientColumns, createChangeClient, readClientRow } from './change-client.ts'
import { list, textArray } from './columns.ts'
import type { Database } from './engine/database.ts'
import { guardOf } from './engine/identity.ts'
import { clients } from './schema.ts'

export function createClientStore(database: Database): ClientStore {
  const { db, statementName } = database
  const guardStorage = guardOf(database)
  const byIds = db
    .select(clientColumns)
    .from(clients)
    .where(sql`${clients.id} = any(${list('ids', 'text')})`)
    .prepare(statementName('clients'))
  // Each request of a client looks it up: those that come at the same time share the statement.
  const findClient = createBatcher(
    async (ids: readonly string[]): Promise<readonly (StoredClient | null)[]> => {
      const rows = await byIds.execute({ ids: [...new Set(ids)] })
      const found = new Map(rows.map((row) => [row.id, readClientRow(row)]))
      return ids.map((id) => found.get(id) ?? null)
    },
    { name: 'find_client', observer: database.observer },
  )
  const change = createChangeClient(database)

  return {
    findClient: (id) => guardStorage(async () => (await findClient(id)) ?? undefined),
    addFirstClient: (client) => guardStorage(() => addFirst(database, client)),
    addClient: ({ id, ...added }, by) => guardStorage(() => change(id, { kind: 'create', ...added }, by)),
    putClient: (client) => guardStorage(() => put(database, client)),
    changeClient: (id, asked, by) => guardStorage(() => change(id, asked, by)),
    listClients: ({ after, limit }) =>
      guardStorage(async () => {
        const rows = await db
          .select(clientColumns)
          .from(clients)
          .where(and(isNull(clients.deletedAt), after === undefined ? undefined : isAddedAfter(after)))
          .orderBy(asc(clients.createdAt), asc(clients.id))
          .limit(limit)
        return rows.map(readClientRow)
      }),
  }
}

/** The row is there even if the client was deleted after the page before. */
function isAddedAfter(id: string): SQL {
  return sql`(${clients.createdAt}, ${clients.id}) > (select created_at, id from clients where id = ${id})`
}

/** The primary key decides between processes that start at the same time: they all ask for the same id. */
async function addFirst({ db }: Database, { id, secretDigest, scopes }: Client): Promise<boolean> {
  const added = db.$with('added', {}).as(sql`
    insert into clients (id, secret_digest, scopes, created_at)
    select ${id}, ${secretDigest}::bytea, ${textArray(scopes)}, now()
    where not exists (select from clients)
    on conflict do nothing returning id`)
  const rows = await db.with(added).select({ id: sql`id` }).from(sql`added`)
  return rows.length > 0
}

/**
 * Takes the lock of every change of a client: a session that is being created is committed before the secret changes,
 * or is refused after it. A service that starts again with the secret that it had before changes nothing.
 */
async function put({ db }: Database, { id, secretDigest, scopes }: Client): Promise<boolean> {
  const locked = db.$with('locked', {}).as(sql`select lock_scope(null, null)`)
  const done = db.$with('done', {}).as(sql`
    insert into clients as known (id, secret_digest, scopes, created_at)
    select ${id}, ${secretDigest}::bytea, ${textArray(scopes)}, now() from locked
    on conflict (id) do update set
      secret_digest = excluded.secret_digest, scopes = excluded.scopes, disabled_at = null,
      previous_secret_digest = case when ${isUnchanged} then known.previous_secret_digest end,
      previous_secret_until = case when ${isUnchanged} then known.previous_secret_until end,
      standing_since = case when ${isUnchanged} then known.standing_since else nextval('revision') end
    where known.deleted_at is null
    returning id`)
  const rows = await db.with(locked, done).select({ id: sql`id` }).from(sql`done`)
  return rows.length > 0
}

const isUnchanged = sql`known.secret_digest = excluded.secret_digest and known.disabled_at is null`
