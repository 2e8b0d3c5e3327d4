import { sql } from 'drizzle-orm'
import { createClientStore } from '../../src/storage/client-store.ts'
import { clients, revocations, spentRefreshTokens, tokenPairs } from '../../src/storage/schema.ts'
import { digestClientSecret } from '../../src/tokens/clients.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import { admin, asAdmin, type TestService } from './service.ts'

export const alice = { realm: 'staff', username: 'alice' }
export const bob = { realm: 'staff', username: 'bob' }
export const aliceElsewhere = { realm: 'guests', username: 'alice' }

export const secretOf = (id: string) => `the-secret-of-${id}-of-32-characters`

/** The `Authorization` of a client that `addClients` has added. */
export const asClient = (id: string, secret = secretOf(id)) => `Basic ${btoa(`${id}:${secret}`)}`

/** Adds one client for each scope of the service, and one without any. */
export async function addClients({ database }: TestService): Promise<void> {
  const put = (id: string, ...scopes: readonly string[]) =>
    createClientStore(database).putClient({ id, secretDigest: digestClientSecret(secretOf(id)), scopes })
  await put('none')
  await put('creator', 'create_token')
  await put('gateway', 'introspect_token')
  await put('operator', 'manage_token')
  await put('manager', 'manage_clients')
}

/** The `Authorization` of every kind of caller, by the name that tables give it. */
export function createCallers(service: TestService): Readonly<Record<string, () => Promise<string | undefined>>> {
  const asOwner = async (owner: Owner, ...scopes: readonly string[]) =>
    `Bearer ${(await service.tokens.issue({ owner, scopes }, admin)).accessToken}`
  return {
    anonymous: async () => undefined,
    'client none': async () => asClient('none'),
    'client create': async () => asClient('creator'),
    'client introspect': async () => asClient('gateway'),
    'client manage': async () => asClient('operator'),
    'client clients': async () => asClient('manager'),
    'client all': async () => asAdmin,
    'owner alice': () => asOwner(alice),
    'alice, manage': () => asOwner(alice, 'manage_token'),
    'alice, clients': () => asOwner(alice, 'manage_clients'),
    'owner bob': () => asOwner(bob),
    'alice elsewhere': () => asOwner(aliceElsewhere),
    'elsewhere, create': () => asOwner(aliceElsewhere, 'create_token'),
    'bob, introspect': () => asOwner(bob, 'introspect_token'),
  }
}

/** A table of verdicts: a line for each caller, a column for each request. */
export function readTable(table: string): {
  readonly requestNames: readonly string[]
  readonly lines: readonly string[][]
} {
  const [heads = [], ...lines] = table
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
  return { requestNames: heads.filter((name) => name !== ''), lines }
}

/** How many rows there are: what is refused changes nothing. */
export async function countRows({ database: { db } }: TestService): Promise<unknown> {
  const count = {
    pairs: db.$count(tokenPairs),
    spent: db.$count(spentRefreshTokens),
    revocations: db.$count(revocations),
    clients: db.$count(clients),
  }
  return db.select(count).from(sql`(select 1) as one`)
}
