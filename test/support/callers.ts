import { sql } from 'drizzle-orm'
import { createClientStore } from '../../src/storage/client-store.ts'
import { adminScopes, digestClientSecret } from '../../src/tokens/clients.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import { admin, asAdmin, type TestService } from './service.ts'

export const alice = { realm: 'staff', username: 'alice' }
export const bob = { realm: 'staff', username: 'bob' }
export const aliceElsewhere = { realm: 'guests', username: 'alice' }

export const secretOf = (id: string) => `the-secret-of-${id}-of-32-characters`

/** The `Authorization` of a client that `addClients` has added. */
export const asClient = (id: string, secret = secretOf(id)) => `Basic ${btoa(`${id}:${secret}`)}`

/** Adds one client for each scope of the service, one without any, and one with all that is disabled. */
export async function addClients(service: TestService): Promise<void> {
  await putClient(service, 'none')
  await putClient(service, 'creator', 'create_token')
  await putClient(service, 'gateway', 'introspect_token')
  await putClient(service, 'operator', 'manage_token')
  await putClient(service, 'manager', 'manage_clients')
  await putClient(service, 'disabled', ...adminScopes)
  await service.tokens.disableClient({ id: 'disabled' }, admin)
}

export async function putClient({ database }: TestService, id: string, ...scopes: readonly string[]): Promise<void> {
  await createClientStore(database).putClient({ id, secretDigest: digestClientSecret(secretOf(id)), scopes })
}

/** The clients among the callers, by their ids. */
export const clientCallers = {
  'client none': 'none',
  'client create': 'creator',
  'client introspect': 'gateway',
  'client manage': 'operator',
  'client clients': 'manager',
  'client all': 'admin',
} as const

type Authorize = () => Promise<string | undefined>

/** The `Authorization` of every kind of caller. Each is made anew, because a request may end the token of its caller. */
export function createCallers(service: TestService) {
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
    alice: () => asOwner(alice),
    'alice, clients': () => asOwner(alice, 'manage_clients'),
    bob: () => asOwner(bob),
    'bob, introspect': () => asOwner(bob, 'introspect_token'),
    'bob, manage': () => asOwner(bob, 'manage_token'),
    'alice elsewhere': () => asOwner(aliceElsewhere),
    'alice elsewhere, create': () => asOwner(aliceElsewhere, 'create_token'),
    'bob, of a disabled client': () => asOwnerOfDisabledClient(service),
    'disabled client': async () => asClient('disabled'),
    'wrong secret': async () => asClient('admin', 'wrong'),
    'unknown client': async () => asClient('stranger'),
    'ended token': async () => {
      const { accessToken } = await service.tokens.issue({ owner: alice, scopes: adminScopes }, admin)
      await service.tokens.invalidate({ kind: 'access-token', token: accessToken }, admin)
      return `Bearer ${accessToken}`
    },
  } satisfies Readonly<Record<string, Authorize>>
}

export type CallerName = keyof ReturnType<typeof createCallers>

let disabledClients = 0

/** His token lives on, and gives none of the rights that its client had. */
async function asOwnerOfDisabledClient(service: TestService): Promise<string> {
  const client = { ...admin, clientId: `disabled-${disabledClients++}` }
  await putClient(service, client.clientId, ...adminScopes)
  const { accessToken } = await service.tokens.issue({ owner: bob, scopes: adminScopes }, client)
  await service.tokens.disableClient({ id: client.clientId }, admin)
  return `Bearer ${accessToken}`
}

/** A digest of all rows that a request could change: what is refused changes nothing. */
export async function digestRows({ database: { db } }: TestService): Promise<unknown> {
  const digest = (table: string) =>
    sql.raw(`(select md5(string_agg(md5(t::text), '' order by md5(t::text))) from ${table} t)`)
  const digests = {
    pairs: digest('token_pairs'),
    spent: digest('spent_refresh_tokens'),
    revocations: digest('revocations'),
    clients: digest('clients'),
  }
  return db.select(digests).from(sql`(select 1) as one`)
}
