import { eq } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import { clients } from '../../src/storage/schema.ts'
import type { Caller } from '../../src/tokens/caller.ts'
import type { ClientStore } from '../../src/tokens/client-store.ts'
import { digestClientSecret, mintClientSecret, readClientId, readClientSecret } from '../../src/tokens/clients.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { harmlessTexts, textsWithSecrets } from '../support/lookalikes.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
let store: ClientStore
beforeAll(() => {
  store = createClientStore(service.database)
})

const operator = { kind: 'operator', name: 'root' } as const
const client = (id: string, secret = mintClientSecret(), scopes: readonly string[] = ['create_token']) => ({
  id,
  secretDigest: digestClientSecret(secret),
  scopes,
})
const authenticate = (id: string, secret: string) =>
  service.tokens.authenticate({ kind: 'client', id, secret }).catch(({ message }: Error) => message)

const wrong = 'The client id or secret is wrong.'

test('a disabled client is refused like an unknown one', async () => {
  const secret = mintClientSecret()
  await store.putClient(client('login', secret))

  await service.tokens.disableClient({ id: 'login' }, operator)

  expect([await authenticate('login', secret), await authenticate('nobody', secret)]).toEqual([wrong, wrong])
})

test('a client that is put has the new secret and scopes alone, and is enabled', async () => {
  const [old, fresh] = [mintClientSecret(), mintClientSecret()]
  await store.putClient(client('login', old))
  await service.tokens.rotateClientSecret({ id: 'login' }, operator)
  await service.tokens.disableClient({ id: 'login' }, operator)

  expect(await store.putClient(client('login', fresh, ['manage_token']))).toBe(true)

  expect(await authenticate('login', fresh)).toMatchObject({ scopes: ['manage_token'] })
  expect(await authenticate('login', old)).toBe(wrong)
})

test('a client that was deleted is not put back', async () => {
  await store.putClient(client('login'))
  await service.tokens.deleteClient({ id: 'login' }, operator)

  expect(await store.putClient(client('login'))).toBe(false)
  expect(await store.findClient('login')).toMatchObject({ deletedAt: expect.any(Date) })
})

test('of twenty that put the first client one adds it', async () => {
  await service.database.db.delete(clients)
  const added = await Promise.all(Array.from({ length: 20 }, () => store.addFirstClient(client('admin'))))

  expect(added.filter(Boolean)).toHaveLength(1)
})

test('a database whose only client is disabled does not count as empty: a start adds no admin', async () => {
  await service.database.db.update(clients).set({ disabledAt: new Date() })

  expect(await store.addFirstClient(client('admin'))).toBe(false)
  expect(await store.findClient('admin')).toMatchObject({ disabledAt: expect.any(Date) })
})

test('the id of a client is visible ASCII without a colon', () => {
  for (const id of ['login', 'a', 'https//x', 'n'.repeat(100)]) expect(readClientId(id)).toBe(id)

  const refused = ['', 'a:b', 'a b', 'é', 'a\n', 'n'.repeat(101)]
  for (const id of refused) expect(() => readClientId(id), id).toThrow(/^Expected /)
})

const isVisible = (text: string) => /^[!-9;-~]+$/.test(text)

test.each(harmlessTexts.filter(isVisible))('the id of a client may be %s', (id) => {
  expect(readClientId(id)).toBe(id)
})

test.each(textsWithSecrets.filter(([, text]) => isVisible(text)))('the id of a client may not be %s', (_name, id) => {
  expect(() => readClientId(id)).toThrow('Expected `clientId` without anything that looks like a token: it is kept.')
})

test('a chosen secret has 32 to 512 visible characters, and a refusal does not repeat it', () => {
  const longEnough = '~'.repeat(32)
  expect(readClientSecret(longEnough)).toBe(longEnough)

  const rule = 'Expected `clientSecret` to be 32 to 512 visible ASCII characters without spaces, got'
  for (const secret of ['', '~'.repeat(31), '~'.repeat(513)])
    expect(() => readClientSecret(secret)).toThrow(`${rule} ${secret.length} characters.`)
  for (const secret of [`${longEnough} `, `${longEnough}é`])
    expect(() => readClientSecret(secret)).toThrow(`${rule} 33 characters, some of them not allowed.`)
})

const isGone = eq(clients.id, 'gone')

describe('a token with scopes of the service', () => {
  const manager = { kind: 'client', clientId: 'console', scopes: ['create_token', 'manage_token'] } as const
  const alice = { realm: 'staff', username: 'alice' }
  const issue = (caller: Caller = manager) =>
    service.tokens.issue({ owner: alice, scopes: ['manage_token', 'create_token', 'read'] }, caller)
  const bearer = (pair: IssuedPair) => service.tokens.authenticate({ kind: 'bearer', token: pair.accessToken })
  const scopesOf = async (pair: IssuedPair) => {
    const caller = await bearer(pair)
    return caller.kind === 'owner' ? caller.token.scopes : undefined
  }
  async function refresh(pair: IssuedPair): Promise<IssuedPair> {
    const answer = await service.tokens.refresh(pair.refresh?.token ?? '')
    return answer.outcome === 'refreshed' ? answer.pair : expect.unreachable(answer.reason)
  }

  test('loses them when the client that it came from is disabled, and so do tokens created with it and their successors', async () => {
    await store.putClient(client('console', undefined, manager.scopes))
    const first = await issue()
    const second = await issue(await bearer(first))
    expect(await scopesOf(second)).toEqual(['manage_token', 'create_token', 'read'])

    await service.tokens.disableClient({ id: 'console' }, operator)

    for (const pair of [first, second, await refresh(second)]) {
      expect(await scopesOf(pair)).toEqual(['read'])
      await expect(issue(await bearer(pair))).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
    }
  })

  test('does not get them back when its client is enabled again: a holder of the old secret may have created it', async () => {
    const secret = mintClientSecret()
    await store.putClient(client('console', secret, manager.scopes))
    const pair = await issue()

    await store.putClient(client('console', secret, manager.scopes))
    expect(await scopesOf(pair)).toEqual(['manage_token', 'create_token', 'read'])
    await service.tokens.disableClient({ id: 'console' }, operator)
    await service.tokens.enableClient({ id: 'console' }, operator)

    expect(await scopesOf(pair)).toEqual(['read'])
    expect(await scopesOf(await refresh(pair))).toEqual(['read'])
    expect(await scopesOf(await issue())).toEqual(['manage_token', 'create_token', 'read'])
  })

  test('loses them when the settings give its client another secret', async () => {
    await store.putClient(client('console', undefined, manager.scopes))
    const pair = await issue()

    await store.putClient(client('console', undefined, manager.scopes))

    expect(await scopesOf(pair)).toEqual(['read'])
  })

  test('has only those of them that its client has now', async () => {
    const secret = mintClientSecret()
    await store.putClient(client('console', secret, manager.scopes))
    const pair = await issue()

    await store.putClient(client('console', secret, ['create_token']))

    expect(await scopesOf(pair)).toEqual(['create_token', 'read'])
  })

  test('is introspected with its current scopes only', async () => {
    await store.putClient(client('console', undefined, manager.scopes))
    const pair = await issue()
    await service.tokens.disableClient({ id: 'console' }, operator)

    expect(await service.tokens.introspect(pair.accessToken, admin)).toMatchObject({ active: true, scopes: ['read'] })
  })

  test('has none of them if its client is not in the database or was deleted, because nothing could take them away', async () => {
    const unknown = await issue()
    await store.putClient(client('gone', undefined, manager.scopes))
    const deleted = await issue({ ...manager, clientId: 'gone' })
    await service.database.db.update(clients).set({ deletedAt: new Date(), disabledAt: new Date() }).where(isGone)

    expect(await scopesOf(unknown)).toEqual(['read'])
    expect(await scopesOf(deleted)).toEqual(['read'])
  })
})

test('a token in the clients’ realm is issued only to a client for itself', async () => {
  const login = { kind: 'client', clientId: 'login', scopes: ['create_token'] } as const
  const issue = (username: string) => service.tokens.issue({ owner: { realm: '_clients', username } }, login)

  await expect(issue('console')).rejects.toMatchObject({ code: 'ERR_BAD_INPUT' })
  expect(await issue('login')).toMatchObject({ session: { owner: { username: 'login' } } })
})
