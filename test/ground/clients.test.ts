import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import {
  type ClientStore,
  digestClientSecret,
  mintClientSecret,
  readClientId,
  readClientSecret,
} from '../../src/tokens/clients.ts'
import { type Ground, openGround } from '../support/ground.ts'

let ground: Ground
let store: ClientStore
beforeAll(async () => {
  ground = await openGround()
  store = createClientStore(ground.database)
})
beforeEach(() => ground.clear())
afterAll(() => ground.close())

const client = (id: string, secret = mintClientSecret(), scopes: readonly string[] = ['create_token']) => ({
  id,
  secretDigest: digestClientSecret(secret),
  scopes,
})
const authenticate = (id: string, secret: string) =>
  ground.tokens.authenticate({ kind: 'client', id, secret }).catch(({ message }: Error) => message)

test('of twenty that add a client by the same id one does, and its secret is the one that counts', async () => {
  const secrets = Array.from({ length: 20 }, mintClientSecret)

  const added = await Promise.all(secrets.map((secret) => store.addClient(client('login', secret))))

  expect(added.filter(Boolean)).toHaveLength(1)
  const callers = await Promise.all(secrets.map((secret) => authenticate('login', secret)))
  const known = { kind: 'client', clientId: 'login', scopes: ['create_token'] }
  expect(callers.map((caller) => caller !== wrong)).toEqual(added)
  expect(callers[added.indexOf(true)]).toEqual(known)
})

const wrong = 'The client id or secret is wrong.'

test('a disabled client is as unknown as one that never was, since the first time that it was disabled', async () => {
  const secret = mintClientSecret()
  await store.addClient(client('login', secret))

  const since = await store.disableClient('login')

  expect(since?.getTime()).toBeGreaterThan(Date.parse('2020-01-01'))
  expect([await authenticate('login', secret), await authenticate('nobody', secret)]).toEqual([wrong, wrong])
  expect(await store.disableClient('login')).toEqual(since)
  expect(await store.disableClient('nobody')).toBeUndefined()
  expect(await store.addClient(client('login'))).toBe(false)
})

test('a client that is replaced has the new secret and scopes alone, and is enabled', async () => {
  const [old, fresh, later] = [mintClientSecret(), mintClientSecret(), mintClientSecret()]
  await store.addClient(client('login', old))
  await store.disableClient('login')

  const isReplaced = await store.replaceClient(client('login', fresh, ['manage_token']))

  expect(isReplaced).toBe(true)
  expect(await authenticate('login', fresh)).toMatchObject({ scopes: ['manage_token'] })
  expect(await authenticate('login', old)).toBe(wrong)
  await store.disableClient('login')
  await store.putClient(client('login', later))
  expect(await authenticate('login', later)).toMatchObject({ scopes: ['create_token'] })
})

test('a client that is not there is not replaced, nor added by it', async () => {
  expect(await store.replaceClient(client('lgoin'))).toBe(false)
  expect((await store.listClients()).map(({ id }) => id)).toEqual(['admin'])
})

test('the list has all clients, the oldest first, with the disabled ones and without anything secret', async () => {
  await store.addClient(client('zoe', mintClientSecret(), ['introspect_token', 'manage_token']))
  await store.addClient(client('bob'))
  const disabledAt = await store.disableClient('bob')

  const listed = await store.listClients()

  expect(listed).toEqual([
    expect.objectContaining({ id: 'admin', disabledAt: undefined }),
    { id: 'zoe', scopes: ['introspect_token', 'manage_token'], createdAt: expect.any(Date), disabledAt: undefined },
    { id: 'bob', scopes: ['create_token'], createdAt: expect.any(Date), disabledAt },
  ])
})

test('a database whose only client is disabled is not an empty one: nobody is made admin by a start', async () => {
  await store.disableClient('admin')

  expect(await store.addFirstClient(client('admin'))).toBe(false)
  expect(await store.findClient('admin')).toBeUndefined()
})

test('the id of a client is visible ASCII without a colon, and no token', () => {
  for (const id of ['login', 'a', 'https//x', 'n'.repeat(100)]) expect(readClientId(id)).toBe(id)

  const refused = ['', 'a:b', 'a b', 'é', 'a\n', 'n'.repeat(101), `ita_${'A'.repeat(56)}`]
  for (const id of refused) expect(() => readClientId(id), id).toThrow(/^Expected /)
})

test('a chosen secret has 32 to 512 visible characters, and a refusal does not repeat it', () => {
  const longEnough = '~'.repeat(32)
  expect(readClientSecret(longEnough)).toBe(longEnough)

  for (const secret of ['', '~'.repeat(31), '~'.repeat(513), `${longEnough} `, `${longEnough}é`])
    expect(() => readClientSecret(secret)).toThrow(
      `Expected the secret of a client to be 32 to 512 visible ASCII characters without spaces, got ${secret.length} characters.`,
    )
})
