import { eq, sql } from 'drizzle-orm'
import type { ClientStore } from '../tokens/clients.ts'
import type { Database } from './database.ts'
import { guardStorage } from './errors.ts'
import { clients } from './schema.ts'

export function createClientStore({ db, statementName }: Database): ClientStore {
  const byId = db
    .select()
    .from(clients)
    .where(eq(clients.id, sql.placeholder('id')))
    .prepare(statementName('client'))

  return {
    findClient: (id) => guardStorage(async () => (await byId.execute({ id }))[0]),

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
