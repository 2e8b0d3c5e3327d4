import { describe, expect, test } from 'vitest'
import { createHandler } from '../../src/http/handler.ts'
import { admin, asAdmin, ask, useTestService } from '../support/service.ts'
import { statementsOf } from '../support/statements.ts'

const service = useTestService()

const entities = `query ($of: [_Any!]!) {
  _entities(representations: $of) {
    ... on TokenSession { id username createdAt isLive device { label } revocation { id } }
    ... on Revocation { id reason comment }
    ... on TokenOwner { username sessions(first: 5) { nodes { id createdAt device { label } } } }
  }
}`

/** Counts the statements of a look-up of these entities, including the one that authenticates the caller. */
async function countStatements(of: readonly unknown[]): Promise<number> {
  const statements = await statementsOf(service.database, async () => {
    const { data, errors } = await ask(service.handler, entities, { authorization: asAdmin, variables: { of } })
    expect(errors).toBeUndefined()
    expect(data._entities).not.toContain(null)
  })
  return statements.length
}

test('twenty sessions that a gateway joins cost as many statements as one', async () => {
  const logins = Array.from({ length: 20 }, (_, index) => ({ owner: { realm: 'staff', username: `user-${index}` } }))
  const pairs = await Promise.all(logins.map((login) => service.tokens.issue(login, admin)))
  const of = pairs.map(({ session }) => ({ __typename: 'TokenSession', id: session.id }))

  const one = await countStatements(of.slice(0, 1))

  expect(one).toBeGreaterThan(0)
  expect(await countStatements(of)).toBe(one)
})

test('twenty revocations that a gateway joins cost as many statements as one', async () => {
  const realms = Array.from({ length: 20 }, (_, index) => `realm-${index}`)
  const ended = await Promise.all(
    realms.map((realm) => service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm', realm } }, admin)),
  )
  const of = ended.map(({ revision }) => ({ __typename: 'Revocation', id: String(revision) }))

  const one = await countStatements(of.slice(0, 1))

  expect(one).toBeGreaterThan(0)
  expect(await countStatements(of)).toBe(one)
})

test('the sessions of twenty owners, as a list of users joins them, cost as many statements as those of one', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `user-${index}`)
  await Promise.all(names.map((username) => service.tokens.issue({ owner: { realm: 'staff', username } }, admin)))
  const of = names.map((username) => ({ __typename: 'TokenOwner', realmName: 'staff', username }))

  const one = await countStatements(of.slice(0, 1))

  expect(one).toBeGreaterThan(0)
  expect(await countStatements(of)).toBe(one)
})

describe('2,000 keys in one request, as a gateway joins a long list, are answered in a few statements:', () => {
  const keys = 2_000
  const scalars = `query ($of: [_Any!]!) {
    _entities(representations: $of) {
      ... on TokenSession { id username createdAt isLive device { label } revocation { id } }
      ... on TokenOwner { realmName username }
    }
  }`

  async function join(of: readonly unknown[]): Promise<readonly unknown[]> {
    let found: readonly unknown[] = []
    const statements = await statementsOf(service.database, async () => {
      const { data, errors } = await ask(service.handler, scalars, { authorization: asAdmin, variables: { of } })
      expect(errors).toBeUndefined()
      found = data._entities
    })
    // One authenticates the caller; 256 keys share a statement, in two rounds: the sessions and what ended them.
    expect(statements.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(keys / 256))
    return found
  }

  test('sessions', async () => {
    const names = Array.from({ length: keys }, (_, index) => `user-${index}`)
    const pairs = await Promise.all(
      names.map((username) => service.tokens.issue({ owner: { realm: 'staff', username } }, admin)),
    )
    await service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }, admin)

    const found = await join(pairs.map(({ session }) => ({ __typename: 'TokenSession', id: session.id })))

    expect(found.map((session) => Reflect.get(Object(session), 'username'))).toEqual(names)
  })

  test('owners', async () => {
    const of = Array.from({ length: keys }, (_, index) => ({
      __typename: 'TokenOwner',
      realmName: 'customers-of-the-northern-region',
      username: `somebody-${index}@example.com`,
    }))

    const found = await join(of)

    expect(found.map((owner) => Reflect.get(Object(owner), 'username'))).toEqual(of.map(({ username }) => username))
  })
})

test('more keys than an operation may cost are refused', async () => {
  const of = Array.from({ length: 10_001 }, () => ({ __typename: 'Revocation', id: '1' }))
  const query = 'query ($of: [_Any!]!) { _entities(representations: $of) { __typename } }'
  const handler = createHandler({
    tokens: service.tokens,
    assertReady: service.database.ping,
    emit: service.emit,
    maxGraphqlBytes: 1_000_000,
  })

  const { errors } = await ask(handler, query, { authorization: asAdmin, variables: { of } })

  expect(errors?.[0]?.message).toBe(
    'Expected an operation that costs at most 10000, got 10001: ask for smaller pages (`first`), for fewer lists within lists, or in several requests.',
  )
})
