import { describe, expect, test } from 'vitest'
import { asAdmin, ask, useTestService } from '../support/service.ts'

const service = useTestService()

const fields = `__typename
  ... on TokenClientChanged {
    client { id scopes createdAt disabledAt previousSecretUntil } secret
    invalidation { invalidatedTokens previouslyInvalidatedTokens errorCount revocation { selector reason invalidatedBy } }
  }
  ... on TokenClientRejected { code message }`

async function change(name: string, input: object, authorization = asAdmin) {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { ${fields} } }`
  const { data, errors } = await ask(service.handler, query, { variables: { input }, authorization })
  return data?.[name] ?? errors?.[0]
}
const create = (id: string, ...scopes: readonly string[]) => change('createTokenClient', { id, scopes })
const asClient = (id: string, secret: string) => `Basic ${btoa(`${id}:${secret}`)}`
const statusOf = async (authorization: string) =>
  (await ask(service.handler, '{ __typename }', { authorization })).status

async function createSessions(authorization: string): Promise<void> {
  for (const realmName of ['_clients', 'staff']) {
    const query = `mutation { createTokenPair(input: { realmName: "${realmName}", username: "robot" }) { expiresIn } }`
    expect((await ask(service.handler, query, { authorization })).status).toBe(200)
  }
}

describe('the mutations of clients', () => {
  test('answer the client and a secret that is shown once', async () => {
    const created = await create('robot', 'create_token')
    const rotated = await change('rotateTokenClientSecret', { id: 'robot', keepPreviousSeconds: 60 })
    const chosen = 'a-chosen-secret-of-more-than-32-characters'
    const replaced = await change('replaceTokenClientSecret', { id: 'robot', secret: chosen })

    const until = new Date(service.clock.now().getTime() + 60_000).toISOString()
    const client = { id: 'robot', scopes: ['create_token'], createdAt: expect.any(String), disabledAt: null }
    const secret = expect.stringMatching(/^its_[\w-]{43}$/)
    expect(created).toEqual({
      __typename: 'TokenClientChanged',
      client: { ...client, previousSecretUntil: null },
      secret,
      invalidation: null,
    })
    expect(rotated).toMatchObject({ client: { ...client, previousSecretUntil: until }, secret, invalidation: null })
    expect(replaced).toMatchObject({ client: { ...client, previousSecretUntil: null }, secret: null })
    expect(await statusOf(asClient('robot', chosen))).toBe(200)
    for (const before of [created.secret, rotated.secret]) expect(await statusOf(asClient('robot', before))).toBe(401)
  })

  test('keep the previous secret for a day if nothing else is said', async () => {
    await create('robot')

    for (const input of [{ id: 'robot' }, { id: 'robot', keepPreviousSeconds: null, secret: null }]) {
      const { client } = await change('rotateTokenClientSecret', input)
      expect(Date.parse(client.previousSecretUntil) - service.clock.now().getTime()).toBe(86_400_000)
    }
  })

  test.each([
    ['replaceTokenClientSecret', {}, 2, { selector: 'OWNER', reason: 'CREDENTIAL_COMPROMISE' }],
    ['replaceTokenClientSecret', { endSessions: true }, 4, { selector: 'CLIENT', reason: 'CREDENTIAL_COMPROMISE' }],
    ['disableTokenClient', { endSessions: null }, 2, { selector: 'OWNER', reason: 'ACCOUNT_DISABLED' }],
    ['disableTokenClient', { endSessions: true }, 4, { selector: 'CLIENT', reason: 'ACCOUNT_DISABLED' }],
    ['deleteTokenClient', {}, 4, { selector: 'CLIENT', reason: 'ACCOUNT_PURGED' }],
  ])('%s %j ends %d tokens, and has the revocation', async (name, input, invalidatedTokens, revocation) => {
    const { secret } = await create('robot', 'create_token')
    await createSessions(asClient('robot', secret))

    const { invalidation } = await change(name, { id: 'robot', ...input })

    expect(invalidation).toEqual({
      invalidatedTokens,
      previouslyInvalidatedTokens: 0,
      errorCount: 0,
      revocation: { ...revocation, invalidatedBy: 'client:admin' },
    })
  })

  test('disable and enable: the second time of each is the same answer, or a rejection', async () => {
    await create('robot')

    const disabled = await change('disableTokenClient', { id: 'robot' })
    service.clock.advance(10)
    const again = await change('disableTokenClient', { id: 'robot' })
    const enabled = await change('enableTokenClient', { id: 'robot' })
    const enabledAgain = await change('enableTokenClient', { id: 'robot' })

    expect(again.client).toEqual(disabled.client)
    expect(disabled.client.disabledAt).toMatch(/^\d{4}-/)
    expect(enabled).toMatchObject({ client: { disabledAt: null }, secret: expect.stringMatching(/^its_/) })
    expect(enabledAgain).toMatchObject({ __typename: 'TokenClientRejected', code: 'ENABLED' })
  })

  test('reject what is expected as an answer, with a code and a message', async () => {
    await create('taken')
    await create('gone')
    await change('deleteTokenClient', { id: 'gone' })
    await create('disabled')
    await change('disableTokenClient', { id: 'disabled' })

    const rejected = {
      UNKNOWN: await change('deleteTokenClient', { id: 'gone' }),
      EXISTS: await create('taken'),
      ID_USED: await create('gone'),
      DISABLED: await change('updateTokenClient', { id: 'disabled', scopes: [] }),
      ENABLED: await change('enableTokenClient', { id: 'taken' }),
      LAST_MANAGER: await change('updateTokenClient', { id: 'admin', scopes: ['manage_token'] }),
    }

    for (const [code, answer] of Object.entries(rejected))
      expect(answer).toEqual({
        __typename: 'TokenClientRejected',
        code,
        message: expect.stringMatching(/^\S.{20,}\.$/),
      })
  })

  test('are errors for a caller without the right, and for bad input, which names the field', async () => {
    const { secret } = await create('manager', 'manage_clients')
    const asManager = asClient('manager', secret)
    await create('login', 'create_token')
    const codeOf = ({ extensions }: { readonly extensions: { readonly code: string } }) => extensions.code

    expect(codeOf(await change('deleteTokenClient', { id: 'login' }, asManager))).toBe('FORBIDDEN')
    expect(codeOf(await change('createTokenClient', { id: 'new', scopes: ['create_token'] }, asManager))).toBe(
      'FORBIDDEN',
    )
    expect(await change('createTokenClient', { id: 'new', scopes: ['manage_clients', 'x'] })).toMatchObject({
      message:
        'Expected `scopes[1]` to be one of create_token, introspect_token, manage_token, follow_revocations, manage_clients.',
      extensions: { code: 'BAD_USER_INPUT' },
    })
    expect((await change('createTokenClient', { id: 'a:b', scopes: [] })).message).toMatch(/^Expected `id` to be 1 to/)
    expect((await change('enableTokenClient', { id: 'login', secret: 'x' })).message).toMatch(/^Expected `secret` to/)
    expect((await change('rotateTokenClientSecret', { id: 'login', keepPreviousSeconds: -1 })).message).toBe(
      'Expected `keepPreviousSeconds` to be a whole number from 0 to 2592000, got -1.',
    )
  })
})

describe('the queries of clients', () => {
  test('list all but deleted clients page by page, the oldest first', async () => {
    for (const id of ['one', 'two', 'three', 'four']) await create(id, 'create_token')
    await change('disableTokenClient', { id: 'two' })
    await change('deleteTokenClient', { id: 'three' })
    const query = `query ($after: String) { tokenClients(first: 2, after: $after) {
      nodes { id disabledAt } pageInfo { hasNextPage hasPreviousPage endCursor } } }`
    const pages = []
    for (let after: string | null = null; ; ) {
      const { data } = await ask(service.handler, query, { variables: { after }, authorization: asAdmin })
      pages.push(data.tokenClients)
      after = data.tokenClients.pageInfo.endCursor
      if (!data.tokenClients.pageInfo.hasNextPage) break
    }

    const names = pages.map(({ nodes }) => nodes.map(({ id }: { readonly id: string }) => id))
    expect(names).toEqual([
      ['admin', 'one'],
      ['two', 'four'],
    ])
    expect(pages[1].nodes[0].disabledAt).toMatch(/^\d{4}-/)
    expect(pages.map(({ pageInfo }) => pageInfo.hasPreviousPage)).toEqual([false, true])
  })

  test.each(['x', '', 'AAAAAAAAAAAAAA', 'cm9ib3Q'])('refuse the cursor %j', async (after) => {
    const query = 'query ($after: String) { tokenClients(after: $after) { nodes { id } } }'

    const { errors } = await ask(service.handler, query, { variables: { after }, authorization: asAdmin })

    expect(errors?.[0]).toMatchObject({
      message: 'Expected `after` to be a cursor that this list has given.',
      extensions: { code: 'BAD_USER_INPUT' },
    })
  })

  test('find one client; an unknown and a deleted one are null', async () => {
    await create('robot', 'create_token')
    await create('gone')
    await change('deleteTokenClient', { id: 'gone' })
    const query = `{ robot: tokenClient(id: "robot") { id scopes } gone: tokenClient(id: "gone") { id }
      nobody: tokenClient(id: "nobody") { id } }`

    const { data } = await ask(service.handler, query, { authorization: asAdmin })

    expect(data).toEqual({ robot: { id: 'robot', scopes: ['create_token'] }, gone: null, nobody: null })
  })
})
