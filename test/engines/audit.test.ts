import { describe, expect, test } from 'vitest'
import { anonymous } from '../../src/tokens/caller.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { admin, asAdmin, ask, useTestService } from '../support/service.ts'

const service = useTestService()

const alice = { realm: 'staff', username: 'alice' }
const bob = { realm: 'staff', username: 'bob' }

const issue = (owner: Owner = alice) => service.tokens.issue({ owner }, admin)
const bearer = ({ accessToken }: IssuedPair) => `Bearer ${accessToken}`
const revocationsQuery = `query ($filter: RevocationFilter, $first: Int, $after: String) {
  revocations(filter: $filter, first: $first, after: $after) {
    nodes { id selector realmName username sessionId sparedSessionId at initiatingEntity invalidatedBy reason comment
      invalidatedTokens previouslyInvalidatedTokens }
    pageInfo { hasNextPage endCursor } } }`
async function readRevocations(authorization: string, variables: unknown = {}) {
  const { data, errors } = await ask(service.handler, revocationsQuery, { authorization, variables })
  return errors ?? data.revocations.nodes
}
const invalidateMutation = `mutation ($input: InvalidateTokenInput!, $options: InvalidateTokenOptions) {
  invalidateToken(input: $input, options: $options) { invalidatedTokens previouslyInvalidatedTokens
    revocation { id invalidatedBy reason comment } } }`
async function invalidate(input: unknown, authorization?: string, options?: unknown) {
  const { data } = await ask(service.handler, invalidateMutation, {
    variables: { input, options },
    ...(authorization !== undefined && { authorization }),
  })
  return data.invalidateToken
}
const ofAlice = { owner: { realmUser: { realmName: 'staff', username: 'alice' } } }

describe('the list of revocations', () => {
  test('says for each revocation whose tokens it ended and how many, and who made it, when and why', async () => {
    const pair = await issue()
    await invalidate({ token: pair.accessToken }, undefined, { reason: 'LOGOUT' })
    service.clock.advance(5)
    await invalidate(ofAlice, asAdmin, { reason: 'CREDENTIAL_COMPROMISE', comment: 'Phishing of 21 November' })

    expect(await readRevocations(asAdmin)).toEqual([
      {
        id: expect.any(String),
        selector: 'OWNER',
        realmName: 'staff',
        username: 'alice',
        sessionId: null,
        sparedSessionId: null,
        at: '2026-11-21T09:00:05.000Z',
        initiatingEntity: 'ADMIN',
        invalidatedBy: 'client:admin',
        reason: 'CREDENTIAL_COMPROMISE',
        comment: 'Phishing of 21 November',
        invalidatedTokens: 1,
        previouslyInvalidatedTokens: 1,
      },
      {
        id: expect.any(String),
        selector: 'ACCESS_TOKEN',
        realmName: 'staff',
        username: 'alice',
        sessionId: String(pair.session.id),
        sparedSessionId: null,
        at: '2026-11-21T09:00:00.000Z',
        initiatingEntity: 'USER',
        invalidatedBy: 'anonymous',
        reason: 'LOGOUT',
        comment: null,
        invalidatedTokens: 1,
        previouslyInvalidatedTokens: 0,
      },
    ])
  })

  test('includes what the service itself revokes after the reuse of a refresh token', async () => {
    const pair = await issue()
    await service.tokens.refresh(pair.refresh?.token ?? '')
    service.clock.advance(31)
    await service.tokens.refresh(pair.refresh?.token ?? '')

    expect(await readRevocations(asAdmin)).toMatchObject([
      {
        selector: 'SESSION',
        sessionId: String(pair.session.id),
        username: 'alice',
        initiatingEntity: 'SYSTEM',
        invalidatedBy: 'system:refresh-token-reuse',
        reason: 'REFRESH_TOKEN_REUSE',
        invalidatedTokens: 4,
      },
    ])
  })

  test('names an operator, who may do all that a client may, as an administrator', async () => {
    const operator = { kind: 'operator', name: 'root' } as const
    await issue()

    const pair = await service.tokens.issue({ owner: alice, scopes: ['manage_token'] }, operator)
    await service.tokens.invalidate({ kind: 'session', id: pair.session.id }, operator)
    await service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }, operator)

    expect(await service.tokens.introspect(pair.accessToken, operator)).toEqual({ active: false })
    const byOperator = { initiatingEntity: 'ADMIN', invalidatedBy: 'operator:root', invalidatedTokens: 2 }
    expect(await readRevocations(asAdmin)).toMatchObject([byOperator, byOperator])
  })

  test('names the session that a sweep spared, and the owner who made the sweep', async () => {
    const [laptop] = [await issue(), await issue()]
    await invalidate(ofAlice, bearer(laptop), { keepCurrentSession: true, reason: 'CREDENTIAL_CHANGE' })

    expect(await readRevocations(asAdmin)).toMatchObject([
      { initiatingEntity: 'USER', invalidatedBy: 'owner:staff/alice', sparedSessionId: String(laptop.session.id) },
    ])
  })

  test('gets an entry when an invalidation ends something new, and the answer includes it', async () => {
    const pair = await issue()
    const details = { reason: 'LOGOUT', comment: 'by the menu' }

    const first = await invalidate({ token: pair.accessToken }, undefined, details)
    const second = await invalidate({ token: pair.accessToken }, undefined, details)
    const dry = await invalidate(ofAlice, asAdmin, { dryRun: true })

    expect(first.revocation).toEqual({ id: expect.any(String), invalidatedBy: 'anonymous', ...details })
    expect([second.revocation, dry.revocation]).toEqual([null, null])
  })

  test('has one entry for an ended session, even if its tokens are sent again', async () => {
    const pair = await issue()
    const first = await invalidate({ token: pair.accessToken }, undefined, { wholeSession: true })
    const again = [
      await invalidate({ token: pair.accessToken }, undefined, { wholeSession: true }),
      await invalidate({ session: String(pair.session.id) }, asAdmin),
    ]

    expect(first).toMatchObject({ invalidatedTokens: 2, revocation: { id: expect.any(String) } })
    const none = { invalidatedTokens: 0, previouslyInvalidatedTokens: 0, revocation: null }
    expect(again).toEqual([none, none])
    expect(await readRevocations(asAdmin)).toHaveLength(1)
  })

  test('distinguishes owners whose realm and username are equal only when joined', async () => {
    await issue({ realm: 'a/b', username: 'c' })
    const office = await service.tokens.issue(
      { owner: { realm: 'a', username: 'b/c' }, scopes: ['manage_token'] },
      admin,
    )
    const input = { owner: { realmUser: { realmName: 'a/b', username: 'c' } } }
    await invalidate(input, bearer(office), { comment: 'for administrators' })
    const again = await issue({ realm: 'a/b', username: 'c' })

    expect(await readRevocations(bearer(again))).toMatchObject([
      { initiatingEntity: 'ADMIN', invalidatedBy: null, comment: null },
    ])
    expect(await readRevocations(asAdmin)).toMatchObject([{ invalidatedBy: 'owner:a/b/c' }])
  })

  test('does not show an owner how many tokens of others a sweep of the realm ended', async () => {
    await issue(bob)
    await issue()
    await invalidate({ owner: { realmName: 'staff' } }, asAdmin)
    const query = '{ mySessions(includeEnded: true) { nodes { revocation { selector invalidatedTokens } } } }'

    const { data } = await ask(service.handler, query, { authorization: bearer(await issue()) })

    expect(data.mySessions.nodes[1].revocation).toEqual({ selector: 'OWNER', invalidatedTokens: null })
    expect(await readRevocations(asAdmin)).toMatchObject([{ invalidatedTokens: 4 }])
  })

  test('has the entry that an ended session links to', async () => {
    const [laptop, phone] = [await issue(), await issue()]
    await invalidate({ session: String(phone.session.id) }, bearer(laptop), { reason: 'DEVICE_COMPLIANCE_CHANGE' })
    const query = '{ mySessions(includeEnded: true) { nodes { id isLive revocation { reason selector } } } }'

    const { data } = await ask(service.handler, query, { authorization: bearer(laptop) })

    expect(data.mySessions.nodes).toEqual([
      {
        id: String(phone.session.id),
        isLive: false,
        revocation: { reason: 'DEVICE_COMPLIANCE_CHANGE', selector: 'SESSION' },
      },
      { id: String(laptop.session.id), isLive: true, revocation: null },
    ])
  })
})

describe('the filter of revocations', () => {
  test.each([
    [{ owner: { realmName: 'staff' } }, ['OWNER', 'SESSION', 'ACCESS_TOKEN']],
    [{ owner: { username: 'bob' } }, ['SESSION']],
    [{ owner: { realmUser: { realmName: 'staff', username: 'alice' } } }, ['OWNER', 'ACCESS_TOKEN']],
    [{ owner: { realmName: 'shop' } }, []],
    [{ reason: 'LOGOUT' }, ['SESSION']],
    [{ session: 'bob’s' }, ['SESSION']],
    [{ session: 'x' }, []],
    [{}, ['OWNER', 'SESSION', 'ACCESS_TOKEN']],
  ])('selects those with %j', async (filter, selectors) => {
    const [pair, other] = [await issue(), await issue(bob)]
    await invalidate({ token: pair.accessToken })
    await invalidate({ session: String(other.session.id) }, asAdmin, { reason: 'LOGOUT' })
    await invalidate(ofAlice, asAdmin)
    const resolvedFilter =
      'session' in filter && filter.session === 'bob’s' ? { session: String(other.session.id) } : filter

    const nodes = await readRevocations(asAdmin, { filter: resolvedFilter })

    expect(nodes.map(({ selector }: { selector: string }) => selector)).toEqual(selectors)
  })

  test('answers pages that neither skip nor repeat an entry while others are added', async () => {
    for (let count = 0; count < 7; count++) await invalidate({ token: (await issue()).accessToken })
    const ids: string[] = []
    for (let after: string | null = null; ; ) {
      const { data } = await ask(service.handler, revocationsQuery, {
        authorization: asAdmin,
        variables: { first: 3, after },
      })
      ids.push(...data.revocations.nodes.map(({ id }: { id: string }) => id))
      await invalidate({ token: (await issue()).accessToken })
      if (!data.revocations.pageInfo.hasNextPage) break
      after = data.revocations.pageInfo.endCursor
    }

    expect(ids).toHaveLength(7)
    expect(ids.map(Number)).toEqual(ids.map(Number).toSorted((one, other) => other - one))
  })
})

describe('permission to read revocations', () => {
  test('an owner reads what was revoked of theirs, without the comments of others', async () => {
    const [pair, other] = [await issue(), await issue(bob)]
    await invalidate({ session: String((await issue()).session.id) }, asAdmin, {
      comment: 'case 4711',
      reason: 'LOGOUT',
    })
    await invalidate({ token: other.accessToken })
    await invalidate({ session: String((await issue()).session.id) }, bearer(pair), { comment: 'my old phone' })

    expect(await readRevocations(bearer(pair))).toMatchObject([
      { invalidatedBy: 'owner:staff/alice', comment: 'my old phone', initiatingEntity: 'USER' },
      { invalidatedBy: null, comment: null, reason: 'LOGOUT', initiatingEntity: 'ADMIN' },
    ])
  })

  test.each([{ owner: { realmName: 'staff' } }, { owner: { realmUser: { realmName: 'staff', username: 'bob' } } }])(
    'an owner may not filter by %j',
    async (filter) => {
      expect(await readRevocations(bearer(await issue()), { filter })).toMatchObject([
        { extensions: { code: 'FORBIDDEN' } },
      ])
    },
  )

  test('a caller needs credentials, and a client needs manage_token', async () => {
    const query = '{ revocations { nodes { id } } }'
    const client = { kind: 'client', clientId: 'login', scopes: ['introspect_token'] } as const

    expect((await ask(service.handler, query)).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
    await expect(service.tokens.listRevocations({ limit: 1 }, client)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
    await expect(service.tokens.listRevocations({ limit: 1 }, anonymous)).rejects.toThrow('authenticate')
  })

  test('an entity that the caller may not see is null, as an unknown one is', async () => {
    const [pair, other] = [await issue(), await issue(bob)]
    const mine = await invalidate({ session: String((await issue()).session.id) }, bearer(pair))
    const theirs = await invalidate({ token: other.accessToken })
    const query = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on Revocation { id } } }`
    const ids = [mine.revocation.id, theirs.revocation.id, '999999']
    const representations = ids.map((id) => ({ __typename: 'Revocation', id }))

    const { data } = await ask(service.handler, query, { authorization: bearer(pair), variables: { representations } })

    expect(data._entities).toEqual([{ id: mine.revocation.id }, null, null])
  })
})
