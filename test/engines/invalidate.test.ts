import { describe, expect, test } from 'vitest'
import { revocations } from '../../src/storage/schema.ts'
import { anonymous } from '../../src/tokens/caller.ts'
import type { OwnerScope } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { damages } from '../support/lookalikes.ts'
import { admin, asAdmin, ask, useTestService } from '../support/service.ts'

const service = useTestService()

const alice = { realm: 'staff', username: 'alice' }
const aliceScope: OwnerScope = { kind: 'realm-user', ...alice }

const issue = (owner = alice) => service.tokens.issue({ owner }, admin)
const issueAccessOnly = () => service.tokens.issue({ owner: alice, withoutRefreshToken: true }, admin)
const refreshTokenOf = (pair: IssuedPair) => pair.refresh?.token ?? 'none'
async function refresh(pair: IssuedPair): Promise<IssuedPair> {
  const answer = await service.tokens.refresh(refreshTokenOf(pair))
  if (answer.outcome === 'refused') throw new Error(`refused: ${answer.reason}`)
  return answer.pair
}
/** Answers the counts as newly/previously. */
async function counts(target: Parameters<typeof service.tokens.invalidate>[0], caller = admin): Promise<string> {
  const { invalidated, previouslyInvalidated } = await service.tokens.invalidate(target, caller)
  return `${invalidated}/${previouslyInvalidated}`
}
const reuse = (pair: IssuedPair) => service.tokens.refresh(refreshTokenOf(pair))
const endAccess = (pair: IssuedPair) => counts({ kind: 'access-token', token: pair.accessToken })
const endRefresh = (pair: IssuedPair) => counts({ kind: 'refresh-token', token: refreshTokenOf(pair) })
const sweep = (scope: OwnerScope = aliceScope) => counts({ kind: 'owner', scope })
const isActive = async (token: string) => (await service.tokens.introspect(token, admin)).active
const liveness = async (pair: IssuedPair) =>
  `${(await isActive(pair.accessToken)) ? 'A' : '-'}${(await isActive(refreshTokenOf(pair))) ? 'R' : '-'}`

describe('one token', () => {
  test('an access token ends alone: 1/0, then 0/1', async () => {
    const pair = await issue()

    expect(await endAccess(pair)).toBe('1/0')
    expect(await endAccess(pair)).toBe('0/1')
    expect(await liveness(pair)).toBe('-R')
  })

  test('a refresh token ends alone: 1/0, then 0/1', async () => {
    const pair = await issue()

    expect(await endRefresh(pair)).toBe('1/0')
    expect(await endRefresh(pair)).toBe('0/1')
    expect(await liveness(pair)).toBe('A-')
  })

  test('an anonymous caller may end a token that it holds', async () => {
    const pair = await issue()

    const answer = await service.tokens.invalidate({ kind: 'access-token', token: pair.accessToken }, anonymous)

    expect(answer).toMatchObject({ invalidated: 1, previouslyInvalidated: 0, errors: [] })
  })

  test('an expired access token still ends: 1/0, then 0/1', async () => {
    const pair = await issue()
    service.clock.advance(1201)

    expect(await endAccess(pair)).toBe('1/0')
    expect(await endAccess(pair)).toBe('0/1')
  })

  test('a spent refresh token still ends: 1/0, and its successor stays live', async () => {
    const pair = await issue()
    const successor = await refresh(pair)

    expect(await endRefresh(pair)).toBe('1/0')
    expect(await liveness(successor)).toBe('AR')
  })

  test('a token of the other kind is refused with an error, and nothing ends', async () => {
    const pair = await issue()
    const refusal = (kind: string) => ({ code: 'ERR_BAD_INPUT', message: expect.stringContaining(`got ${kind}`) })

    await expect(counts({ kind: 'access-token', token: refreshTokenOf(pair) })).rejects.toMatchObject(
      refusal('a refresh token'),
    )
    await expect(counts({ kind: 'refresh-token', token: pair.accessToken })).rejects.toMatchObject(
      refusal('an access token'),
    )
    expect(await liveness(pair)).toBe('AR')
  })

  test('an unknown or malformed token is 0/0 and leaves no row', async () => {
    const pair = await issue()
    await service.clear()

    for (const token of [
      pair.accessToken,
      `${pair.accessToken}x`,
      'ita_',
      'garbage',
      'ünïcode',
      pair.accessToken.slice(0, -1),
    ])
      expect(await counts({ kind: 'access-token', token })).toBe('0/0')
    expect(await rowCount()).toBe(0)
  })

  test.each(damages)('a token with %s is refused, and stays valid', async (_name, damage) => {
    const pair = await issue()
    const mutation = 'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { errorCount } }'
    const inputs = [
      { token: damage(pair.accessToken) },
      { token: damage(refreshTokenOf(pair)) },
      { refreshToken: damage(refreshTokenOf(pair)) },
    ]

    for (const input of inputs)
      for (const options of [{}, { authorization: asAdmin }]) {
        const { status, errors, text } = await ask(service.handler, mutation, { variables: { input }, ...options })

        expect([status, errors?.[0]?.extensions.code]).toEqual([400, 'BAD_USER_INPUT'])
        expect(errors?.[0]?.message).toMatch(
          /^Expected `(token|refreshToken)` (to be a token and nothing else, got one with other characters around it or in it: the token would stay valid|without control characters)\.$/,
        )
        for (const token of [pair.accessToken, refreshTokenOf(pair)]) expect(text).not.toContain(token.slice(20, 28))
      }
    expect([await liveness(pair), await rowCount()]).toEqual(['AR', 0])
  })

  test('of twenty concurrent invalidations one counts the token as new, and nineteen as previous', async () => {
    const pair = await issue()

    const answers = await Promise.all(Array.from({ length: 20 }, () => endAccess(pair)))

    expect(answers.toSorted()).toEqual([...Array(19).fill('0/1'), '1/0'])
  })

  test('an ended token stays ended for every instance of the service, even after its expiry', async () => {
    const pair = await issue()
    await endAccess(pair)

    expect(await service.another().introspect(pair.accessToken, admin)).toEqual({ active: false })
    service.clock.advance(5000)
    expect(await service.another().introspect(pair.accessToken, admin)).toEqual({ active: false })
  })
})

/** What a sweep of an owner counts, by the state of the owner's tokens before it. */
const table: readonly { readonly state: string; readonly counts: string; readonly given: readonly Step[] }[] = [
  { state: 'a new pair', counts: '2/0', given: [] },
  { state: 'access expired, refresh live', counts: '2/0', given: [() => service.clock.advance(1200)] },
  { state: 'both expired', counts: '0/0', given: [() => service.clock.advance(86_400)] },
  { state: 'access invalidated before', counts: '1/1', given: [endAccess] },
  { state: 'refresh invalidated before', counts: '1/1', given: [endRefresh] },
  { state: 'both invalidated before', counts: '0/0', given: [endAccess, endRefresh] },
  {
    state: 'access invalidated before and expired, refresh live',
    counts: '1/1',
    given: [endAccess, () => service.clock.advance(1200)],
  },
  {
    state: 'access expired, refresh invalidated before',
    counts: '0/0',
    given: [endRefresh, () => service.clock.advance(1200)],
  },
  { state: 'a refreshed pair and its successor', counts: '4/0', given: [refresh] },
  {
    state: 'a refreshed pair whose access token expired, and its successor',
    counts: '4/0',
    given: [() => service.clock.advance(1200), refresh],
  },
  {
    state: 'a refreshed pair that expired since, and its successor',
    counts: '2/0',
    given: [() => service.clock.advance(80_000), refresh, () => service.clock.advance(6400)],
  },
  { state: 'two sessions', counts: '4/0', given: [() => issue()] },
  { state: 'a pair, and an access token alone', counts: '3/0', given: [issueAccessOnly] },
  {
    state: 'a pair, and an expired access token alone',
    counts: '2/0',
    given: [issueAccessOnly, () => service.clock.advance(1200)],
  },
  { state: 'the same sweep before', counts: '0/0', given: [() => sweep()] },
  { state: 'a sweep of the realm before', counts: '0/0', given: [() => sweep({ kind: 'realm', realm: 'staff' })] },
  {
    state: 'a sweep of the username before',
    counts: '0/0',
    given: [() => sweep({ kind: 'username', username: 'alice' })],
  },
  { state: 'a sweep before, and a login after it', counts: '2/0', given: [() => sweep(), () => issue()] },
  {
    state: 'a reuse of its refresh token before, which ended the session',
    counts: '0/0',
    given: [refresh, () => service.clock.advance(60), reuse],
  },
]

type Step = (pair: IssuedPair) => unknown

async function prepare(steps: readonly Step[]): Promise<void> {
  const pair = await issue()
  for (const step of steps) await step(pair)
}

describe('a sweep of an owner', () => {
  test.each(table)('$state: $counts', async ({ counts, given }) => {
    await prepare(given)

    expect(await sweep()).toBe(counts)
    expect(await sweep()).toBe('0/0')
  })

  test.each(table)('by realm and by username counts the same, $state: $counts', async ({ counts, given }) => {
    await prepare(given)
    expect(await sweep({ kind: 'realm', realm: 'staff' })).toBe(counts)

    await service.clear()
    await prepare(given)
    expect(await sweep({ kind: 'username', username: 'alice' })).toBe(counts)
  })

  test('counts an access token alone 1/0, an expired one 0/0, and no token 0/0', async () => {
    expect(await sweep()).toBe('0/0')
    await issueAccessOnly()
    expect(await sweep()).toBe('1/0')
    await issueAccessOnly()
    service.clock.advance(1200)
    expect(await sweep()).toBe('0/0')
  })

  test('ends what its scope names, and nothing else', async () => {
    const scopes: readonly (readonly [OwnerScope, string])[] = [
      [{ kind: 'realm-user', realm: 'staff', username: 'alice' }, '-- AR AR AR'],
      [{ kind: 'realm', realm: 'staff' }, '-- -- AR AR'],
      [{ kind: 'username', username: 'alice' }, '-- AR -- AR'],
    ]
    for (const [scope, expected] of scopes) {
      await service.clear()
      const pairs = [
        await issue({ realm: 'staff', username: 'alice' }),
        await issue({ realm: 'staff', username: 'bob' }),
        await issue({ realm: 'guests', username: 'alice' }),
        await issue({ realm: 'Staff', username: 'Alice' }),
      ]

      await sweep(scope)

      expect((await Promise.all(pairs.map(liveness))).join(' ')).toBe(expected)
    }
  })

  test('costs one row, whatever the number of tokens', async () => {
    await Promise.all(Array.from({ length: 50 }, () => issue()))

    expect(await sweep()).toBe('100/0')
    expect(await rowCount()).toBe(1)
  })

  test('does not end a login after it, even in the same millisecond', async () => {
    const before = await issue()
    await sweep()
    const after = await issue()

    expect([await liveness(before), await liveness(after)]).toEqual(['--', 'AR'])
  })

  test('leaves no successor live: an ended session cannot be refreshed', async () => {
    const pair = await issue()
    await sweep()

    expect(await service.tokens.refresh(refreshTokenOf(pair))).toEqual({ outcome: 'refused', reason: 'invalidated' })
  })

  test('does not end a pair that had expired: named alone, its token still counts 1/0', async () => {
    const pair = await issueAccessOnly()
    service.clock.advance(1200)
    expect(await sweep()).toBe('0/0')

    expect(await endAccess(pair)).toBe('1/0')
    expect(await endAccess(pair)).toBe('0/1')
  })

  test('makes each half that it ended count as previous when named alone', async () => {
    const pair = await issue()
    await sweep()

    expect([await endAccess(pair), await endRefresh(pair)]).toEqual(['0/1', '0/1'])
  })

  test('counts each half as new exactly once among twenty that overlap, in all scopes', async () => {
    const pairs = await Promise.all(Array.from({ length: 10 }, () => issue()))
    const scopes: readonly OwnerScope[] = [
      aliceScope,
      { kind: 'realm', realm: 'staff' },
      { kind: 'username', username: 'alice' },
    ]

    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 4 === 3
          ? service.another().invalidate({ kind: 'access-token', token: pairs[n >> 1]?.accessToken ?? '' }, admin)
          : service.another().invalidate({ kind: 'owner', scope: scopes[n % 3] ?? aliceScope }, admin),
      ),
    )

    expect(answers.reduce((sum, { invalidated }) => sum + invalidated, 0)).toBe(20)
  })

  test('records its counts with the revocation', async () => {
    const pair = await issue()
    await endAccess(pair)
    await sweep()

    const { selector, caller, invalidated, previouslyInvalidated } = revocations
    const log = service.database.db.select({ selector, caller, invalidated, previouslyInvalidated }).from(revocations)
    expect(await log.orderBy(revocations.revision)).toEqual([
      { selector: 'access_token', caller: 'client:admin', invalidated: 1, previouslyInvalidated: 0 },
      { selector: 'owner', caller: 'client:admin', invalidated: 1, previouslyInvalidated: 1 },
    ])
  })
})

function rowCount(): Promise<number> {
  return service.database.db.$count(revocations)
}
