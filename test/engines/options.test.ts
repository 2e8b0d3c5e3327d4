import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anonymous, type Caller } from '../../src/tokens/caller.ts'
import type { InvalidationOptions, InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { Owner, OwnerScope } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { harmlessTexts, textsWithSecrets } from '../support/lookalikes.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()

const alice = { realm: 'staff', username: 'alice' }
const bob = { realm: 'staff', username: 'bob' }
const aliceScope: OwnerScope = { kind: 'realm-user', ...alice }
const ofAlice: InvalidationTarget = { kind: 'owner', scope: aliceScope }

const issue = (owner: Owner = alice) => service.tokens.issue({ owner }, admin)
const callerOf = ({ accessToken }: IssuedPair): Promise<Caller> =>
  service.tokens.authenticate({ kind: 'bearer', token: accessToken })
const accessOf = ({ accessToken }: IssuedPair): InvalidationTarget => ({ kind: 'access-token', token: accessToken })
const refreshOf = (pair: IssuedPair): InvalidationTarget => ({
  kind: 'refresh-token',
  token: pair.refresh?.token ?? 'none',
})
async function refresh(pair: IssuedPair): Promise<IssuedPair> {
  const answer = await service.tokens.refresh(pair.refresh?.token ?? 'none')
  if (answer.outcome === 'refused') throw new Error(`refused: ${answer.reason}`)
  return answer.pair
}
async function counts(target: InvalidationTarget, caller: Caller, options: InvalidationOptions = {}): Promise<string> {
  const { invalidated, previouslyInvalidated } = await service.tokens.invalidate(target, caller, options)
  return `${invalidated}/${previouslyInvalidated}`
}
const isLive = async ({ accessToken }: IssuedPair) => (await service.tokens.introspect(accessToken, admin)).active
const areLive = (...pairs: readonly IssuedPair[]) => Promise.all(pairs.map(isLive))

describe('the option issuedTo', () => {
  const issuedTo = 'gateway'

  test('refuses to end the token of another client, or its session', async () => {
    const login = await issue()

    for (const options of [{ issuedTo }, { issuedTo, wholeSession: true }, { issuedTo, dryRun: true }])
      await expect(counts(accessOf(login), admin, options)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
    expect(await areLive(login)).toEqual([true])
  })

  test('ends a token of the client, once', async () => {
    const login = await issue()

    expect(await counts(accessOf(login), admin, { issuedTo: 'admin' })).toBe('1/0')
    expect(await counts(accessOf(login), admin, { issuedTo: 'admin' })).toBe('0/1')
    expect(await counts(refreshOf(login), admin, { issuedTo: 'admin', wholeSession: true })).toBe('1/1')
  })

  test('counts an unknown token as 0/0 for any client', async () => {
    expect(await counts({ kind: 'access-token', token: 'garbage' }, admin, { issuedTo })).toBe('0/0')
  })

  test('is refused for a sweep of an owner', async () => {
    await expect(counts(ofAlice, admin, { issuedTo })).rejects.toMatchObject({ code: 'ERR_BAD_INPUT' })
  })
})

describe('the option wholeSession', () => {
  test('ends the session of a token for any caller that holds it, and counts every live half', async () => {
    const login = await issue()
    const refreshed = await refresh(login)
    const other = await issue()

    expect(await counts(accessOf(login), anonymous, { wholeSession: true })).toBe('4/0')
    expect(await areLive(login, refreshed, other)).toEqual([false, false, true])
  })

  test('ends the session of an expired access token, as a late logout needs', async () => {
    const login = await issue()
    service.clock.advance(1201)

    expect(await counts(accessOf(login), anonymous, { wholeSession: true })).toBe('2/0')
    expect(await service.tokens.refresh(login.refresh?.token ?? '')).toEqual({
      outcome: 'refused',
      reason: 'invalidated',
    })
  })

  test('ends a session once: it is 0/0 when repeated, and for an unknown token', async () => {
    const login = await issue()
    await counts(refreshOf(login), anonymous, { wholeSession: true })

    expect(await counts(refreshOf(login), anonymous, { wholeSession: true })).toBe('0/0')
    expect(await counts({ kind: 'access-token', token: 'unknown' }, anonymous, { wholeSession: true })).toBe('0/0')
  })

  test('does not end the session of a token that was tampered with: a pair’s key is not secret', async () => {
    const [login, other] = [await issue(), await issue()]
    const { accessToken: theirs } = other
    const forged = `${login.accessToken.slice(0, 22)}${theirs.slice(22)}`

    expect(await counts({ kind: 'access-token', token: forged }, anonymous, { wholeSession: true })).toBe('0/0')
    expect(await areLive(login, other)).toEqual([true, true])
  })
})

describe('one session by its id', () => {
  const session = ({ session: { id } }: IssuedPair): InvalidationTarget => ({ kind: 'session', id })

  test('is ended by its owner from another device', async () => {
    const [laptop, phone] = [await issue(), await issue()]

    expect(await counts(session(phone), await callerOf(laptop))).toBe('2/0')
    expect(await areLive(laptop, phone)).toEqual([true, false])
  })

  test('is unknown to another owner, and stays live', async () => {
    const [mine, other] = [await issue(), await issue(bob)]

    expect(await counts(session(mine), await callerOf(other))).toBe('0/0')
    expect(await areLive(mine)).toEqual([true])
  })

  test('is ended by an administrator, and is 0/0 if it never existed', async () => {
    const login = await issue()

    expect(await counts(session(login), admin)).toBe('2/0')
    expect(await counts(session(login), admin)).toBe('0/0')
    expect(await counts({ kind: 'session', id: 0 }, admin)).toBe('0/0')
  })

  test('is refused to an anonymous caller, and to a client without manage_token', async () => {
    const login = await issue()
    const client: Caller = { kind: 'client', clientId: 'login', scopes: ['create_token'] }

    await expect(counts(session(login), anonymous)).rejects.toMatchObject({ code: 'ERR_UNAUTHENTICATED' })
    await expect(counts(session(login), client)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
    await expect(counts({ kind: 'session', id: 0 }, client)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
  })
})

describe('the option keepCurrentSession', () => {
  test('ends all other sessions of the owner, as after a change of password', async () => {
    const [laptop, phone, tablet] = [await issue(), await issue(), await issue()]

    expect(await counts(ofAlice, await callerOf(laptop), { keepCurrentSession: true })).toBe('4/0')
    expect(await areLive(laptop, phone, tablet)).toEqual([true, false, false])
    expect(await isLive(await refresh(laptop))).toBe(true)
  })

  test('ends later sessions when repeated, and does not count the kept session as ended before', async () => {
    const [laptop] = [await issue(), await issue()]
    const caller = await callerOf(laptop)
    await counts(ofAlice, caller, { keepCurrentSession: true })
    await issue()

    expect(await counts(ofAlice, caller, { keepCurrentSession: true })).toBe('2/0')
    expect(await counts(ofAlice, caller)).toBe('2/0')
    expect(await isLive(laptop)).toBe(false)
  })

  test('ends all sessions of a realm except the caller’s, as during an incident', async () => {
    const others = [await issue(), await issue(bob)]
    const administrator = await service.tokens.issue(
      { owner: { realm: 'staff', username: 'eve' }, scopes: ['manage_token'] },
      admin,
    )

    const target: InvalidationTarget = { kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }

    expect(await counts(target, await callerOf(administrator), { keepCurrentSession: true })).toBe('4/0')
    expect(await areLive(...others, administrator)).toEqual([false, false, true])
  })
})

describe('the option issuedBefore', () => {
  test('ends earlier logins with all their successors, and no later login', async () => {
    const before = await issue()
    service.clock.advance(60)
    const instant = service.clock.now()
    const after = await issue()
    const refreshed = await refresh(before)

    expect(await counts(ofAlice, admin, { issuedBefore: instant })).toBe('4/0')
    expect(await areLive(before, refreshed, after)).toEqual([false, false, true])
    expect(await counts(ofAlice, admin, { issuedBefore: instant })).toBe('0/0')
  })

  test('ends a login whose first pair has long expired', async () => {
    let pair = await issue()
    const login = service.clock.now()
    service.clock.advance(1)
    for (let round = 0; round < 3; round++) {
      service.clock.advance(20 * 3600)
      pair = await refresh(pair)
    }

    expect(await counts(ofAlice, admin, { issuedBefore: new Date(login.getTime() + 1) })).not.toBe('0/0')
    expect(await isLive(pair)).toBe(false)
  })

  test('ends and records nothing if no login is earlier', async () => {
    const login = await issue()

    const answer = await service.tokens.invalidate(ofAlice, admin, { issuedBefore: new Date(0) })

    expect(answer).toEqual({ invalidated: 0, previouslyInvalidated: 0, errors: [], revision: undefined })
    expect(await isLive(login)).toBe(true)
    expect(await service.tokens.listRevocations({ limit: 10 }, admin)).toEqual([])
  })

  test('ends all logins if the instant is in the future, but none after the sweep', async () => {
    const login = await issue()
    const tomorrow = new Date(service.clock.now().getTime() + 86_400_000)

    expect(await counts(ofAlice, admin, { issuedBefore: tomorrow })).toBe('2/0')
    expect(await areLive(login, await issue())).toEqual([false, true])
  })

  test.each([
    ['no login before the first instant', '0000-01-01T00:00:00Z', '0/0'],
    ['all logins before the last instant', '9999-12-31T23:59:59-23:59', '2/0'],
  ])('ends, with an extreme of RFC 3339, %s', async (_name, instant, expected) => {
    await issue()

    expect(await counts(ofAlice, admin, { issuedBefore: new Date(instant) })).toBe(expected)
  })
})

describe('options that do not fit the target are refused', () => {
  const token: InvalidationTarget = { kind: 'access-token', token: 'x' }
  const session: InvalidationTarget = { kind: 'session', id: 1 }
  test.each<[string, InvalidationTarget, InvalidationOptions, string]>([
    ['wholeSession with a session', session, { wholeSession: true }, 'Expected `wholeSession` only with'],
    ['wholeSession with an owner', ofAlice, { wholeSession: true }, 'Expected `wholeSession` only with'],
    ['keepCurrentSession with a token', token, { keepCurrentSession: true }, 'Expected `keepCurrentSession` only with'],
    [
      'keepCurrentSession with a session',
      session,
      { keepCurrentSession: true },
      'Expected `keepCurrentSession` only with',
    ],
    [
      'keepCurrentSession of a client',
      ofAlice,
      { keepCurrentSession: true },
      'Expected `keepCurrentSession` only from',
    ],
    ['issuedBefore with a token', token, { issuedBefore: new Date() }, 'Expected `issuedBefore` only with'],
    ['issuedBefore with a session', session, { issuedBefore: new Date() }, 'Expected `issuedBefore` only with'],
    ['issuedBefore that is not an instant', ofAlice, { issuedBefore: new Date(Number.NaN) }, 'to be a valid `Date`'],
    [
      'a comment of more than 500 characters',
      ofAlice,
      { comment: 'x'.repeat(501) },
      'Expected `comment` to have at most 500',
    ],
  ])('%s', async (_name, target, options, message) => {
    const login = await issue()

    await expect(service.tokens.invalidate(target, admin, options)).rejects.toThrow(message)
    expect(await isLive(login)).toBe(true)
  })
})

describe('a comment', () => {
  test.each(harmlessTexts)('may be %j', async (comment) => {
    const { revision } = await service.tokens.invalidate({ kind: 'session', id: (await issue()).session.id }, admin, {
      comment,
    })

    expect(await service.tokens.findRevocation(revision ?? 0, admin)).toMatchObject({ comment })
  })

  test.each(textsWithSecrets)('is refused with %s', async (_name, comment) => {
    const login = await issue()

    await expect(service.tokens.invalidate(ofAlice, admin, { comment })).rejects.toThrow(
      'Expected `comment` without anything that looks like a token: it is kept.',
    )
    expect(await isLive(login)).toBe(true)
  })
})

describe('a dry run', () => {
  /** All rows of the database, to the last byte. The sequence is left out, as it has gaps anyway. */
  const readAllRows = async () => {
    const tables = ['token_pairs', 'spent_refresh_tokens', 'revocations']
    const rows = tables.map((table) => service.database.db.execute(sql.raw(`select * from ${table} order by 1, 2`)))
    return JSON.stringify(await Promise.all(rows))
  }

  /** Counts what a sweep covers pair by pair, from the view that states the rule: slow, but simple enough to trust. */
  async function countPairByPair(
    scope: OwnerScope,
    { issuedBefore, spared }: { issuedBefore: Date | undefined; spared: number },
  ) {
    const now = service.clock.now().toISOString()
    const [row] = await service.database.db
      .select({
        newly: sql`sum((not access_ended)::int + (has_refresh and not refresh_ended)::int)`,
        previously: sql`sum(access_ended::int + (has_refresh and refresh_ended)::int)`,
      })
      .from(sql`token_pair_states`)
      .where(sql`(not access_invalidated and access_expires_at > ${now}::timestamptz
          or has_refresh and not refresh_invalidated and expires_at > ${now}::timestamptz)
        and ${scope.kind === 'username' ? sql`true` : sql`realm = ${scope.realm}`}
        and ${scope.kind === 'realm' ? sql`true` : sql`username = ${scope.username}`}
        and session_id <> ${spared}
        and ${issuedBefore === undefined ? sql`true` : sql`started_at < ${issuedBefore.toISOString()}::timestamptz`}`)
    return `${Number(row?.newly ?? 0)}/${Number(row?.previously ?? 0)}`
  }

  const owners = [alice, bob, { realm: 'shop', username: 'alice' }]
  const owner = fc.constantFrom(...owners)
  const scope = fc.oneof(
    owner.map((each): OwnerScope => ({ kind: 'realm-user', ...each })),
    owner.map(({ realm }): OwnerScope => ({ kind: 'realm', realm })),
    owner.map(({ username }): OwnerScope => ({ kind: 'username', username })),
  )
  const options = fc.record(
    { keepCurrentSession: fc.boolean(), secondsAgo: fc.constantFrom(0, 10, 600, 2000) },
    { requiredKeys: ['keepCurrentSession'] },
  )
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('issue' as const), owner }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('refresh' as const), which: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom('end access' as const, 'end refresh' as const), which: fc.nat() }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('end session' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 700, 1300) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const), scope, options }) },
  )
  type Event = typeof event extends fc.Arbitrary<infer Value> ? Value : never

  test('counts what the same invalidation then ends, agrees with a count pair by pair, and changes nothing', async () => {
    const property = fc.asyncProperty(
      fc.array(event, { size: 'max', maxLength: 25 }),
      scope,
      options,
      async (events, lastScope, lastOptions) => {
        await service.clear()
        const logins: Logins = { pairs: [], administrator: await issueToAdministrator() }
        const lastEvent = { kind: 'sweep', scope: lastScope, options: lastOptions } as const
        for (const each of [...events, lastEvent]) await perform(each, logins)
      },
    )

    await fc.assert(property, { numRuns: 25 })
  })

  interface Logins {
    readonly pairs: IssuedPair[]
    /** May sweep a realm. Its session is the one that `keepCurrentSession` spares. */
    readonly administrator: IssuedPair
  }

  const issueToAdministrator = () =>
    service.tokens.issue({ owner: { realm: 'staff', username: 'alice' }, scopes: ['manage_token'] }, admin)

  async function perform(step: Event, { pairs, administrator }: Logins): Promise<void> {
    const pick = (which: number) => pairs[which % Math.max(1, pairs.length)]
    switch (step.kind) {
      case 'issue':
        pairs.push(await issue(step.owner))
        return
      case 'refresh': {
        const answer = await service.tokens.refresh(pick(step.which)?.refresh?.token ?? 'none')
        if (answer.outcome === 'refreshed') pairs.push(answer.pair)
        return
      }
      case 'wait':
        return service.clock.advance(step.seconds)
      case 'sweep':
        return sweep(step, administrator)
      default: {
        const pair = pick(step.which)
        if (pair === undefined) return
        const targets = {
          'end access': accessOf(pair),
          'end refresh': refreshOf(pair),
          'end session': { kind: 'session', id: pair.session.id },
        } as const
        await expectDryRun(targets[step.kind], admin, {})
      }
    }
  }

  async function sweep(
    { scope: covered, options: { keepCurrentSession, secondsAgo } }: Extract<Event, { kind: 'sweep' }>,
    administrator: IssuedPair,
  ) {
    const issuedBefore =
      secondsAgo === undefined ? undefined : new Date(service.clock.now().getTime() - secondsAgo * 1000)
    const isKept = keepCurrentSession && (await isLive(administrator))
    const options = { keepCurrentSession: isKept, issuedBefore }
    // A login at the instant itself is not before it.
    const expected = await countPairByPair(covered, {
      issuedBefore,
      spared: isKept ? administrator.session.id : 0,
    })
    const counted = await expectDryRun(
      { kind: 'owner', scope: covered },
      isKept ? await callerOf(administrator) : admin,
      options,
    )
    expect(counted).toBe(expected)
  }

  async function expectDryRun(
    target: InvalidationTarget,
    caller: Caller,
    options: InvalidationOptions,
  ): Promise<string> {
    const before = await readAllRows()
    const dry = await counts(target, caller, { ...options, dryRun: true })
    expect(await readAllRows()).toBe(before)
    expect(await counts(target, caller, options)).toBe(dry)
    return dry
  }

  test('answers no revision, and needs the same permission', async () => {
    const login = await issue()

    const { revision } = await service.tokens.invalidate(ofAlice, admin, { dryRun: true, reason: 'logout' })

    expect(revision).toBeUndefined()
    await expect(counts(ofAlice, anonymous, { dryRun: true })).rejects.toMatchObject({ code: 'ERR_UNAUTHENTICATED' })
    expect(await isLive(login)).toBe(true)
  })
})
