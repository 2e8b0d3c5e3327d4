import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import type { Caller, ClientCaller } from '../../src/tokens/caller.ts'
import type { InvalidationOptions, InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { admin, asAdmin, ask, useTestService } from '../support/service.ts'

const service = useTestService()

const web: ClientCaller = { kind: 'client', clientId: 'web', scopes: ['create_token'] }
const app: ClientCaller = { kind: 'client', clientId: 'app', scopes: ['create_token'] }
const alice = { realm: 'staff', username: 'alice' }
const bob = { realm: 'guests', username: 'bob' }

const ofWeb: InvalidationTarget = { kind: 'client', clientId: 'web' }
const everything: InvalidationTarget = { kind: 'everything' }

const issue = (caller: Caller = web, owner: Owner = alice) => service.tokens.issue({ owner }, caller)
const refresh = async (pair: IssuedPair) => {
  const answer = await service.tokens.refresh(pair.refresh?.token ?? 'none')
  if (answer.outcome === 'refused') throw new Error(`refused: ${answer.reason}`)
  return answer.pair
}
/** The counts as newly/previously. */
async function end(target: InvalidationTarget, options: InvalidationOptions = {}, caller: Caller = admin) {
  const { invalidated, previouslyInvalidated } = await service.tokens.invalidate(target, caller, options)
  return `${invalidated}/${previouslyInvalidated}`
}
const isActive = async ({ accessToken }: IssuedPair) => (await service.tokens.introspect(accessToken, admin)).active
const areActive = (pairs: readonly IssuedPair[]) => Promise.all(pairs.map(isActive))
const ownerOf = async ({ accessToken }: IssuedPair) =>
  service.tokens.authenticate({ kind: 'bearer', token: accessToken })

describe('a client', () => {
  test('every session that it created ends, for every owner and however often refreshed; others live', async () => {
    const first = await issue(web)
    const mine = [first, await issue(web, bob), await refresh(first)]
    const theirs = [await issue(app), await issue(app, bob)]

    expect(await end(ofWeb)).toBe('6/0')
    expect(await areActive(mine)).toEqual([false, false, false])
    expect(await areActive(theirs)).toEqual([true, true])
  })

  test('what it creates afterwards lives', async () => {
    await issue(web)
    await end(ofWeb)

    expect(await isActive(await issue(web))).toBe(true)
  })

  test('a second time counts nothing, and what was ended before counts as before', async () => {
    const pair = await issue(web)
    await service.tokens.invalidate({ kind: 'access-token', token: pair.accessToken }, admin)
    await issue(web, bob)
    await end({ kind: 'owner', scope: { kind: 'realm', realm: bob.realm } })

    expect(await end(ofWeb)).toBe('1/1')
    expect(await end(ofWeb)).toBe('0/0')
  })

  test('one that is not known ends nothing', async () => {
    const pair = await issue(web)

    expect(await end({ kind: 'client', clientId: 'unknown' })).toBe('0/0')
    expect(await isActive(pair)).toBe(true)
  })

  test('its sessions are listed, newest first, page by page, and without those that ended', async () => {
    const pairs: IssuedPair[] = []
    for (let n = 0; n < 7; n++) pairs.push(await issue(web, n % 2 === 0 ? alice : bob))
    await issue(app)
    const [first, , third] = pairs
    await service.tokens.invalidate({ kind: 'session', id: third?.session.id ?? 0 }, admin)
    const list = async (before: number | undefined, limit: number, includeEnded = false) =>
      (
        await service.tokens.listSessions(
          { scope: { kind: 'client', clientId: 'web' }, includeEnded, before, limit },
          admin,
        )
      ).map(({ id }) => id)
    const ids = pairs.map(({ session }) => session.id).toReversed()
    const live = ids.filter((id) => id !== third?.session.id)

    expect(await list(undefined, 100)).toEqual(live)
    expect(await list(undefined, 3)).toEqual(live.slice(0, 3))
    expect(await list(live[2], 100)).toEqual(live.slice(3))
    expect(await list(undefined, 100, true)).toEqual(ids)

    await end(ofWeb, { keepCurrentSession: true }, await callerOf(first))

    expect(await list(undefined, 100)).toEqual([first?.session.id])
  })

  test('its revocations are in the record under its id', async () => {
    await issue(web)
    await end(ofWeb, { reason: 'credential-compromise' })
    await end(everything)

    const listed = await service.tokens.listRevocations(
      { scope: { kind: 'client', clientId: 'web' }, limit: 10 },
      admin,
    )

    expect(listed).toMatchObject([
      { selector: 'client', clientId: 'web', realm: undefined, username: undefined, reason: 'credential-compromise' },
    ])
  })
})

describe('everything', () => {
  test('every session ends; what logs in afterwards lives', async () => {
    const before = [await issue(web), await issue(app, bob)]

    expect(await end(everything)).toBe('4/0')
    expect(await areActive(before)).toEqual([false, false])
    expect(await isActive(await issue(web))).toBe(true)
    expect(await end(everything)).toBe('2/0')
    expect(await end(everything)).toBe('0/0')
  })

  test('it counts as if owner by owner, whatever was ended before', async () => {
    const [one, two, three] = [await issue(web), await issue(app, bob), await issue(app)]
    await service.tokens.invalidate({ kind: 'access-token', token: one.accessToken }, admin)
    await service.tokens.invalidate({ kind: 'session', id: two.session.id }, admin)
    await end({ kind: 'client', clientId: 'app' }, { keepCurrentSession: true }, await callerOf(three))

    expect(await end(everything, { dryRun: true })).toBe('3/1')
    expect(await end(everything)).toBe('3/1')
  })

  test('the session that asks can be kept', async () => {
    const [mine, other] = [await issue(admin), await issue(web, bob)]

    expect(await end(everything, { keepCurrentSession: true }, await callerOf(mine))).toBe('2/0')
    expect(await areActive([mine, other])).toEqual([true, false])
  })

  test('its revocation says so, and names neither realm, username nor client', async () => {
    await end(everything)

    expect(await service.tokens.listRevocations({ limit: 1 }, admin)).toMatchObject([
      { selector: 'everything', realm: undefined, username: undefined, clientId: undefined },
    ])
  })

  test('the table refuses a revocation without any name that does not say that it is of everything', async () => {
    const insert = service.database.db.execute(sql`
      insert into revocations (revision, selector, bound, at, caller) values (nextval('revision'), 'owner', 9, now(), 'x')`)

    await expect(insert).rejects.toThrow()
  })
})

describe.each([
  ['a client', ofWeb],
  ['everything', everything],
])('%s', (_, target) => {
  test('only logins before an instant, with all that was refreshed from them', async () => {
    const early = await issue(web)
    const earlyLater = await issue(web, bob)
    service.clock.advance(60)
    const instant = service.clock.now()
    const late = await issue(web)
    service.clock.advance(60)
    const successor = await refresh(earlyLater)

    expect(await end(target, { issuedBefore: instant })).toBe('6/0')
    expect(await areActive([early, earlyLater, successor, late])).toEqual([false, false, false, true])
  })

  test('nothing is found before an instant at which no session had begun', async () => {
    const instant = service.clock.now()
    service.clock.advance(60)
    const pair = await issue(web)

    expect(await end(target, { issuedBefore: instant })).toBe('0/0')
    expect(await isActive(pair)).toBe(true)
  })

  test('it is refused, and changes nothing, if more would end than was expected', async () => {
    const pairs = [await issue(web), await issue(web, bob)]

    await expect(end(target, { expectAtMost: 3 })).rejects.toMatchObject({
      code: 'ERR_MORE_THAN_EXPECTED',
      message: 'Expected at most 3 tokens to end, and it would be 4: nothing was changed.',
    })
    expect(await areActive(pairs)).toEqual([true, true])
    expect(await end(target, { expectAtMost: 4 })).toBe('4/0')
  })

  test('it needs manage_token', async () => {
    const owner = await ownerOf(await issue(web))

    await expect(end(target, {}, owner)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
    await expect(end(target, {}, web)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
    await expect(end(target, {}, { kind: 'anonymous' })).rejects.toMatchObject({ code: 'ERR_UNAUTHENTICATED' })
  })

  test('a refresh that runs beside it hands out nothing that lives', async () => {
    for (let round = 0; round < 10; round++) {
      const pair = await issue(web)
      const [answer] = await Promise.all([
        service.tokens.refresh(pair.refresh?.token ?? 'none'),
        service.another().invalidate(target, admin),
      ])

      if (answer.outcome === 'refreshed') expect(await isActive(answer.pair)).toBe(false)
      expect(await isActive(pair)).toBe(false)
    }
  })
})

describe('in GraphQL', () => {
  const invalidate = (input: unknown, options = {}) =>
    ask(
      service.handler,
      `mutation End($input: InvalidateTokenInput!, $options: InvalidateTokenOptions) {
        invalidateToken(input: $input, options: $options) {
          invalidatedTokens previouslyInvalidatedTokens
          revocation { selector realmName username clientId pairId bound sparedSessionId }
        }
      }`,
      { variables: { input, options }, authorization: asAdmin },
    )

  test('a client and everything are members of the input, and a revocation says what it covers', async () => {
    await issue(web)
    const ofClient = await invalidate({ client: 'web' })
    await issue(web)
    const ofAll = await invalidate({ everything: true })

    expect(ofClient.data.invalidateToken).toMatchObject({
      invalidatedTokens: 2,
      revocation: { selector: 'CLIENT', clientId: 'web', realmName: null, pairId: null, bound: expect.any(String) },
    })
    expect(ofAll.data.invalidateToken).toMatchObject({
      invalidatedTokens: 2,
      revocation: { selector: 'EVERYTHING', clientId: null, realmName: null, pairId: null, bound: expect.any(String) },
    })
  })

  test('a revocation of one token names its pair', async () => {
    const { accessToken, session } = await issue(web)

    const { data } = await invalidate({ token: accessToken })

    expect(data.invalidateToken.revocation).toMatchObject({
      selector: 'ACCESS_TOKEN',
      pairId: String(session.id),
      bound: null,
    })
  })

  test('everything: false is refused', async () => {
    const { errors } = await invalidate({ everything: false })

    expect(errors?.[0]).toMatchObject({
      message: 'Expected `everything` to be true, got false: name what to invalidate.',
      extensions: { code: 'BAD_USER_INPUT' },
    })
  })

  test('more than expected is an error of its own', async () => {
    await issue(web)

    const { status, errors } = await invalidate({ client: 'web' }, { expectAtMost: 1 })

    expect(status).toBe(409)
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'MORE_THAN_EXPECTED' } })
  })

  test('a client’s sessions and revocations are listed, and a filter names an owner or a client', async () => {
    const { session } = await issue(web)
    await issue(app)
    const list = (filter: string) =>
      ask(service.handler, `{ tokenSessions(filter: ${filter}) { nodes { id clientId } } }`, { authorization: asAdmin })

    expect((await list('{ client: "web" }')).data.tokenSessions.nodes).toEqual([
      { id: String(session.id), clientId: 'web' },
    ])
    expect((await list('{}')).errors?.[0]?.message).toBe('Expected `filter` to have `owner` or `client`.')
    expect((await list('{ client: "web", owner: { username: "alice" } }')).errors?.[0]?.message).toBe(
      'Expected `owner` or `client`, got both.',
    )
    await end(ofWeb)
    const record = await ask(
      service.handler,
      '{ revocations(filter: { client: "web" }) { nodes { selector clientId invalidatedTokens } } }',
      { authorization: asAdmin },
    )
    expect(record.data.revocations.nodes).toEqual([{ selector: 'CLIENT', clientId: 'web', invalidatedTokens: 2 }])
  })
})

async function callerOf(pair: IssuedPair | undefined): Promise<Caller> {
  if (pair === undefined) throw new Error('There is no pair')
  const caller = await ownerOf(pair)
  if (caller.kind !== 'owner') throw new Error('The caller is no owner')
  // As an administrator's console: only the session that asks matters here.
  return { ...caller, token: { ...caller.token, scopes: ['manage_token'] } }
}
