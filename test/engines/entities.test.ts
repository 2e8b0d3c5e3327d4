import { expect, test } from 'vitest'
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
