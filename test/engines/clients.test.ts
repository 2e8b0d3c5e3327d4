import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import type { Caller } from '../../src/tokens/caller.ts'
import {
  type ClientStore,
  digestClientSecret,
  mintClientSecret,
  readClientId,
  readClientSecret,
} from '../../src/tokens/clients.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
let store: ClientStore
beforeAll(() => {
  store = createClientStore(service.database)
})

const client = (id: string, secret = mintClientSecret(), scopes: readonly string[] = ['create_token']) => ({
  id,
  secretDigest: digestClientSecret(secret),
  scopes,
})
const authenticate = (id: string, secret: string) =>
  service.tokens.authenticate({ kind: 'client', id, secret }).catch(({ message }: Error) => message)

test('of twenty concurrent attempts to add a client with one id one succeeds, and its secret is the valid one', async () => {
  const secrets = Array.from({ length: 20 }, mintClientSecret)

  const added = await Promise.all(secrets.map((secret) => store.addClient(client('login', secret))))

  expect(added.filter(Boolean)).toHaveLength(1)
  const callers = await Promise.all(secrets.map((secret) => authenticate('login', secret)))
  const known = { kind: 'client', clientId: 'login', scopes: ['create_token'] }
  expect(callers.map((caller) => caller !== wrong)).toEqual(added)
  expect(callers[added.indexOf(true)]).toEqual(known)
})

const wrong = 'The client id or secret is wrong.'

test('a disabled client is refused like an unknown one, and keeps the time at which it was first disabled', async () => {
  const secret = mintClientSecret()
  await store.addClient(client('login', secret))

  const since = await store.disableClient('login')

  expect(since?.getTime()).toBeGreaterThan(Date.parse('2020-01-01'))
  expect([await authenticate('login', secret), await authenticate('nobody', secret)]).toEqual([wrong, wrong])
  expect(await store.disableClient('login')).toEqual(since)
  expect(await store.disableClient('nobody')).toBeUndefined()
  expect(await store.addClient(client('login'))).toBe(false)
})

test('a replaced client has only the new secret and scopes, and is enabled', async () => {
  const [old, replacement, later] = [mintClientSecret(), mintClientSecret(), mintClientSecret()]
  await store.addClient(client('login', old))
  await store.disableClient('login')

  const isReplaced = await store.replaceClient(client('login', replacement, ['manage_token']))

  expect(isReplaced).toBe(true)
  expect(await authenticate('login', replacement)).toMatchObject({ scopes: ['manage_token'] })
  expect(await authenticate('login', old)).toBe(wrong)
  await store.disableClient('login')
  await store.putClient(client('login', later))
  expect(await authenticate('login', later)).toMatchObject({ scopes: ['create_token'] })
})

test('an attempt to replace an unknown client does not add it', async () => {
  expect(await store.replaceClient(client('lgoin'))).toBe(false)
  expect((await store.listClients()).map(({ id }) => id)).toEqual(['admin'])
})

test('the list has all clients, the oldest first, with the disabled ones and without secrets', async () => {
  await store.addClient(client('zoe', mintClientSecret(), ['introspect_token', 'manage_token']))
  // The list is ordered by creation times, which have a resolution of milliseconds.
  await sleep(5)
  await store.addClient(client('bob'))
  const disabledAt = await store.disableClient('bob')

  const listed = await store.listClients()

  expect(listed).toEqual([
    expect.objectContaining({ id: 'admin', disabledAt: undefined }),
    { id: 'zoe', scopes: ['introspect_token', 'manage_token'], createdAt: expect.any(Date), disabledAt: undefined },
    { id: 'bob', scopes: ['create_token'], createdAt: expect.any(Date), disabledAt },
  ])
})

test('a database whose only client is disabled does not count as empty: a start adds no admin', async () => {
  await store.disableClient('admin')

  expect(await store.addFirstClient(client('admin'))).toBe(false)
  expect(await store.findClient('admin')).toMatchObject({ disabledAt: expect.any(Date) })
})

test('the id of a client is visible ASCII without a colon, and not a token', () => {
  for (const id of ['login', 'a', 'https//x', 'n'.repeat(100)]) expect(readClientId(id)).toBe(id)

  const refused = ['', 'a:b', 'a b', 'é', 'a\n', 'n'.repeat(101), `ita_${'A'.repeat(56)}`]
  for (const id of refused) expect(() => readClientId(id), id).toThrow(/^Expected /)
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
    await store.addClient(client('console', undefined, manager.scopes))
    const first = await issue()
    const second = await issue(await bearer(first))
    expect(await scopesOf(second)).toEqual(['manage_token', 'create_token', 'read'])

    await store.disableClient('console')

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
    await store.replaceClient(client('console', undefined, manager.scopes))

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
    await store.addClient(client('console', undefined, manager.scopes))
    const pair = await issue()
    await store.disableClient('console')

    expect(await service.tokens.introspect(pair.accessToken, admin)).toMatchObject({ active: true, scopes: ['read'] })
  })

  test('keeps them where an embedding application manages the clients', async () => {
    expect(await scopesOf(await issue())).toEqual(['manage_token', 'create_token', 'read'])
  })
})

test('a token in the clients’ realm is issued only to a client for itself', async () => {
  const login = { kind: 'client', clientId: 'login', scopes: ['create_token'] } as const
  const issue = (username: string) => service.tokens.issue({ owner: { realm: '_clients', username } }, login)

  await expect(issue('console')).rejects.toMatchObject({ code: 'ERR_BAD_INPUT' })
  expect(await issue('login')).toMatchObject({ session: { owner: { username: 'login' } } })
})
