import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { admin, asAdmin, ask, type Ground, openGround } from '../support/ground.ts'

let ground: Ground
beforeAll(async () => {
  ground = await openGround()
})
beforeEach(() => ground.clear())
afterAll(() => ground.close())

const entities = `query ($of: [_Any!]!) {
  _entities(representations: $of) {
    ... on TokenSession { id username createdAt isLive device { label } revocation { id } }
    ... on Revocation { id reason comment }
    ... on TokenOwner { username sessions(first: 5) { nodes { id createdAt device { label } } } }
  }
}`

/** How many statements a look-up of these takes, that of the caller among them. */
async function countStatements(of: readonly unknown[]): Promise<number> {
  const client: { query: (statement: unknown) => unknown } = Reflect.get(ground.database.db, '$client')
  const statements = vi.spyOn(client, 'query')
  try {
    const { data, errors } = await ask(ground.handler, entities, { authorization: asAdmin, variables: { of } })
    expect(errors).toBeUndefined()
    expect(data._entities).not.toContain(null)
    // What was just invalidated is still being announced, up to 20 ms later: that is no part of a look-up.
    return statements.mock.calls.filter(([statement]) => !JSON.stringify(statement).includes('pg_notify')).length
  } finally {
    statements.mockRestore()
  }
}

test('twenty sessions that a gateway joins cost as many statements as one', async () => {
  const logins = Array.from({ length: 20 }, (_, index) => ({ owner: { realm: 'staff', username: `user-${index}` } }))
  const pairs = await Promise.all(logins.map((login) => ground.tokens.issue(login, admin)))
  const of = pairs.map(({ session }) => ({ __typename: 'TokenSession', id: session.id }))

  const one = await countStatements(of.slice(0, 1))

  expect(one).toBeGreaterThan(0)
  expect(await countStatements(of)).toBe(one)
})

test('so do twenty revocations', async () => {
  const realms = Array.from({ length: 20 }, (_, index) => `realm-${index}`)
  const ended = await Promise.all(
    realms.map((realm) => ground.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm', realm } }, admin)),
  )
  const of = ended.map(({ revision }) => ({ __typename: 'Revocation', id: String(revision) }))

  const one = await countStatements(of.slice(0, 1))

  expect(one).toBeGreaterThan(0)
  expect(await countStatements(of)).toBe(one)
})

test('so do the sessions of twenty owners, as a list of users joins them', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `user-${index}`)
  await Promise.all(names.map((username) => ground.tokens.issue({ owner: { realm: 'staff', username } }, admin)))
  const of = names.map((username) => ({ __typename: 'TokenOwner', realmName: 'staff', username }))

  const one = await countStatements(of.slice(0, 1))

  expect(one).toBeGreaterThan(0)
  expect(await countStatements(of)).toBe(one)
})
