import { asc, eq, sql } from 'drizzle-orm'
import type { Client, ClientStore, ListedClient, StoredClient } from '../tokens/clients.ts'
import { createBatcher } from './batch.ts'
import { list } from './columns.ts'
import type { Database } from './engine/database.ts'
import { guardOf } from './engine/identity.ts'
import { clients } from './schema.ts'

export function createClientStore(database: Database): ClientStore {
  const { db, statementName } = database
  const guardStorage = guardOf(database)
  const byIds = db
    .select()
    .from(clients)
    .where(sql`${clients.id} = any(${list('ids', 'text')})`)
    .prepare(statementName('clients'))
  // Each request of a client looks it up: those that come at the same time share the statement.
  const findClient = createBatcher(async (ids: readonly string[]): Promise<readonly (StoredClient | null)[]> => {
    const rows = await byIds.execute({ ids: [...new Set(ids)] })
    const found = new Map(rows.map((row) => [row.id, toClient(row)]))
    return ids.map((id) => found.get(id) ?? null)
  })

  return {
    findClient: (id) => guardStorage(async () => (await findClient(id)) ?? undefined),

    addFirstClient: (client) =>
      guardStorage(async () => {
        const { id, secretDigest, scopes } = client
        // The primary key settles it between processes that start at the same time: they all ask for the same id.
        const added = await db
          .insert(clients)
          .select(sql`
            select ${id}, ${secretDigest}::bytea, string_to_array(${scopes.join(' ')}, ' '), now(), null, null, null, null, null
            where not exists (select from clients)`)
          .onConflictDoNothing()
          .returning({ id: clients.id })
        return added.length > 0
      }),

    addClient: (client) =>
      guardStorage(async () => {
        const added = await db
          .insert(clients)
          .values({ ...columnsOf(client), createdAt: sql`now()` })
          .onConflictDoNothing()
          .returning({ id: clients.id })
        return added.length > 0
      }),

    putClient: (client) =>
      guardStorage(async () => {
        const { id: target } = clients
        await db
          .insert(clients)
          .values({ ...columnsOf(client), createdAt: sql`now()` })
          .onConflictDoUpdate({ target, set: { ...columnsOf(client), scopesValidFrom: validFromWith(client) } })
      }),

    replaceClient: (client) =>
      guardStorage(async () => {
        const replaced = await db
          .update(clients)
          .set({ ...columnsOf(client), scopesValidFrom: nextRevision })
          .where(eq(clients.id, client.id))
          .returning({ id: clients.id })
        return replaced.length > 0
      }),

    disableClient: (id) =>
      guardStorage(async () => {
        const [disabled] = await db
          .update(clients)
          .set({ disabledAt: sql`coalesce(${clients.disabledAt}, now())`, scopesValidFrom: nextRevision })
          .where(eq(clients.id, id))
          .returning({ at: clients.disabledAt })
        return disabled?.at ?? undefined
      }),

    listClients: () =>
      guardStorage(async () => {
        const { id, scopes, createdAt, disabledAt } = clients
        const rows = await db
          .select({ id, scopes, createdAt, disabledAt })
          .from(clients)
          .orderBy(asc(createdAt), asc(id))
        return rows.map((row): ListedClient => ({ ...row, disabledAt: row.disabledAt ?? undefined }))
      }),
  }
}

/** As it is from now on: whoever is given a secret is no longer disabled. */
function columnsOf({ id, secretDigest, scopes }: Client) {
  return { id, secretDigest, scopes: [...scopes], disabledAt: null }
}

const nextRevision = sql`nextval('revision')`

/** A service that starts again with the secret that it always had has lost none of its trust. */
function validFromWith({ secretDigest }: Client) {
  const { secretDigest: known, disabledAt, scopesValidFrom } = clients
  return sql`case when ${known} = ${secretDigest}::bytea and ${disabledAt} is null then ${scopesValidFrom} else ${nextRevision} end`
}

function toClient({ disabledAt, scopesValidFrom, ...client }: typeof clients.$inferSelect): StoredClient {
  return { ...client, disabledAt: disabledAt ?? undefined, scopesValidFrom: scopesValidFrom ?? undefined }
}
