import { sql } from 'drizzle-orm'
import type { Client, ClientStore } from '../tokens/clients.ts'
import { createBatcher } from './batch.ts'
import { list } from './columns.ts'
import type { Database } from './database.ts'
import { guardStorage } from './errors.ts'
import { clients } from './schema.ts'

export function createClientStore({ db, statementName }: Database): ClientStore {
  const byIds = db
    .select()
    .from(clients)
    .where(sql`${clients.id} = any(${list('ids', 'text')})`)
    .prepare(statementName('clients'))
  // Each request of a client looks it up: those that come at the same time share the statement.
  const findClient = createBatcher(async (ids: readonly string[]): Promise<readonly (Client | null)[]> => {
    const found = new Map((await byIds.execute({ ids: [...new Set(ids)] })).map((client) => [client.id, client]))
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
            select ${id}, ${secretDigest}::bytea, string_to_array(${scopes.join(' ')}, ' '), now()
            where not exists (select from clients)`)
          .onConflictDoNothing()
          .returning({ id: clients.id })
        return added.length > 0
      }),

    putClient: (client) =>
      guardStorage(async () => {
        const { secretDigest } = client
        const scopes = [...client.scopes]
        await db
          .insert(clients)
          .values({ id: client.id, secretDigest, scopes, createdAt: sql`now()` })
          .onConflictDoUpdate({ target: clients.id, set: { secretDigest, scopes } })
      }),
  }
}
