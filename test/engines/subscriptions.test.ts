import { afterEach, describe, expect, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import { deleteExpired } from '../../src/storage/retention.ts'
import { digestClientSecret } from '../../src/tokens/clients.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'
import { basic } from '../support/basic.ts'
import { type EventStream, subscribe } from '../support/event-stream.ts'
import { admin, asAdmin, ask, type TestService, useTestService } from '../support/service.ts'

const service = useTestService()
const open: EventStream[] = []
afterEach(async () => {
  for (const stream of open.splice(0)) await stream.close()
})

const alice = { realm: 'staff', username: 'alice' }
const issue = (owner = alice, scopes: readonly string[] = []) => service.tokens.issue({ owner, scopes }, admin)
const bearer = ({ accessToken }: IssuedPair) => `Bearer ${accessToken}`
const invalidate = (
  target: Parameters<TestService['tokens']['invalidate']>[0],
  options = {},
  caller: Parameters<TestService['tokens']['invalidate']>[1] = admin,
) => service.tokens.invalidate(target, caller, options)
const endAccess = ({ accessToken }: IssuedPair) => invalidate({ kind: 'access-token', token: accessToken })
const endOwner = (options = {}) => invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...alice } }, options)
const newest = async () => (await service.tokens.listRevocations({ limit: 1 }, admin))[0]?.revision

const guardSecret = 'the-secret-of-a-guard-of-32-characters'
const guard = { id: 'guard', secretDigest: digestClientSecret(guardSecret), scopes: ['create_token', 'manage_token'] }
const asGuard = basic('guard', guardSecret)

async function listen(query: string, authorization?: string, method: 'GET' | 'POST' = 'POST'): Promise<EventStream> {
  const stream = await subscribe(service.handler, { query, authorization, method })
  open.push(stream)
  return stream
}
const watch = (pair: IssuedPair, method: 'GET' | 'POST' = 'POST') =>
  listen('subscription { tokenInvalidated { id } }', bearer(pair), method)
const follow = (after?: string, authorization = asAdmin) =>
  listen(
    `subscription { revocationFeed${after === undefined ? '' : `(after: "${after}")`} { cursor hasGap revocations { id } } }`,
    authorization,
  )
/** Reads all ids up to the newest in the log. */
async function readIds(stream: EventStream): Promise<readonly string[]> {
  const ids: string[] = []
  for (const last = String(await newest()); ids.at(-1) !== last; )
    ids.push(...(await stream.next()).data.revocationFeed.revocations.map(({ id }: { readonly id: string }) => id))
  return ids
}

describe('tokenInvalidated', () => {
  test.each(['POST', 'GET'] as const)('fires once at logout and completes, by %s', async (method) => {
    const pair = await issue()
    const stream = await watch(pair, method)

    await endAccess(pair)

    expect(await stream.next()).toEqual({ data: { tokenInvalidated: { id: String(await newest()) } } })
    expect(await stream.next()).toBe('complete')
  })

  test('fires for every pair of an ended session', async () => {
    const pair = await issue()
    const refreshed = await service.tokens.refresh(pair.refresh?.token ?? '')
    const streams = [await watch(pair), await watch(refreshed.outcome === 'refreshed' ? refreshed.pair : pair)]

    await invalidate({ kind: 'session', id: pair.session.id })

    for (const stream of streams) expect((await stream.next()).data.tokenInvalidated.id).toBe(String(await newest()))
  })

  test.each([
    { kind: 'realm-user', ...alice },
    { kind: 'realm', realm: 'staff' },
    { kind: 'username', username: 'alice' },
  ] as const)('fires for all sessions of the owner that a sweep covers, by $kind', async (scope) => {
    const streams = [await watch(await issue()), await watch(await issue())]

    await invalidate({ kind: 'owner', scope })

    for (const stream of streams) expect((await stream.next()).data.tokenInvalidated.id).toBe(String(await newest()))
  })

  test('does not fire for another token, session or owner, a spared session, or a later login', async () => {
    const spared = await issue()
    const caller = await service.tokens.authenticate({ kind: 'bearer', token: spared.accessToken })
    const bob = await issue({ realm: 'staff', username: 'bob' })
    const namesake = await issue({ realm: 'shop', username: 'alice' })
    const streams = [await watch(spared), await watch(bob), await watch(namesake)]

    await endAccess(await issue())
    await invalidate({ kind: 'session', id: (await issue()).session.id })
    await invalidate({ kind: 'refresh-token', token: spared.refresh?.token ?? '' })
    await invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...alice } }, { keepCurrentSession: true }, caller)
    const later = await issue()
    streams.push(await watch(later))

    // The first event of each stream is about its own token.
    for (const [index, pair] of [spared, bob, namesake, later].entries()) {
      await endAccess(pair)
      expect((await streams[index]?.next())?.data.tokenInvalidated.id).toBe(String(await newest()))
    }
  })

  test('fires at once for a token that ends between authenticating and subscribing', async () => {
    const pair = await issue()
    const caller = await service.tokens.authenticate({ kind: 'bearer', token: pair.accessToken })
    await endAccess(pair)

    const ended = await service.tokens.watchToken(caller)

    expect(await ended.next()).toMatchObject({ done: false, value: { selector: 'access-token' } })
    expect(await ended.next()).toMatchObject({ done: true })
  })

  test('completes without an event when the token expires', async () => {
    const pair = await service.another({ accessTokenSeconds: 1 }).issue({ owner: alice }, admin)

    const stream = await watch(pair)

    expect(await stream.next()).toBe('complete')
  })

  test('is refused without a token, to a client, and with an ended token', async () => {
    const ended = await issue()
    await endAccess(ended)
    const query = 'subscription { tokenInvalidated { id } }'
    const code = async (authorization: string | undefined) => {
      const stream = await listen(query, authorization)
      return [(await stream.next()).errors?.[0].extensions.code, await stream.next()]
    }

    expect(await code(undefined)).toEqual(['UNAUTHENTICATED', 'complete'])
    expect(await code(asAdmin)).toEqual(['FORBIDDEN', 'complete'])
    expect(await code(bearer(ended))).toEqual(['UNAUTHENTICATED', 'complete'])
  })
})

describe('revocationFeed', () => {
  test('begins with the revocations that are kept, and continues with new ones', async () => {
    const pairs = [await issue(), await issue(), await issue()]
    for (const pair of pairs.slice(0, 2)) await endAccess(pair)
    const stream = await follow()
    const kept = await readIds(stream)

    for (const pair of pairs.slice(2)) await endAccess(pair)
    await endOwner()
    const live = await readIds(stream)

    const whole = await service.tokens.listRevocations({ limit: 100 }, admin)
    expect([...kept, ...live]).toEqual(whole.map(({ revision }) => String(revision)).toReversed())
  })

  test('continues from a cursor after a disconnect, on the same instance and on another', async () => {
    const first = await follow()
    await endAccess(await issue())
    const { cursor } = (await first.next()).data.revocationFeed
    await readIds(first)
    await first.close()
    await endAccess(await issue())
    const missed = String(await newest())
    await endOwner()

    const second = await follow(cursor)
    const third = await (await service.another().followRevocations(cursor, admin)).next()

    expect((await readIds(second)).slice(-2)).toEqual([missed, String(await newest())])
    expect(
      third.value?.revocations.map(({ revision }: { readonly revision: number }) => String(revision)).slice(-2),
    ).toEqual([missed, String(await newest())])
  })

  test('begins with an empty event for a follower that has missed nothing', async () => {
    const { cursor } = (await (await follow()).next()).data.revocationFeed

    expect((await (await follow(cursor)).next()).data.revocationFeed).toEqual({
      cursor: expect.any(String),
      hasGap: false,
      revocations: [],
    })
  })

  test('reports a gap when a revocation after the cursor was deleted', async () => {
    const { cursor } = (await (await follow()).next()).data.revocationFeed
    await endAccess(await issue())
    service.clock.advance(3 * 86_400)
    await deleteExpired(service.database, { revocationDays: 0, clock: service.clock.now })
    await endAccess(await issue())

    const event = (await (await follow(cursor)).next()).data.revocationFeed

    expect(event).toMatchObject({ hasGap: true, revocations: [{ id: String(await newest()) }] })
  })

  test('is refused without manage_token, and with an invalid cursor, before the stream begins', async () => {
    const code = async (stream: EventStream) => [(await stream.next()).errors?.[0].extensions.code, await stream.next()]

    expect(await code(await follow(undefined, bearer(await issue())))).toEqual(['FORBIDDEN', 'complete'])
    expect(await code(await listen('subscription { revocationFeed { cursor } }'))).toEqual([
      'UNAUTHENTICATED',
      'complete',
    ])
    for (const after of ['', '0', 'MSAxIDE6MT', "' or 1=1"])
      expect(await code(await follow(after))).toEqual(['BAD_USER_INPUT', 'complete'])
    expect(service.reports).toEqual([])
  })

  test('ends with the token of an administrator that authorized it', async () => {
    const pair = await issue(alice, ['manage_token'])
    const stream = await follow(undefined, bearer(pair))
    await stream.next()

    await endOwner()

    // The revocation of its own token may be its last event.
    const last = await stream.next()
    expect(last === 'complete' ? last : await stream.next()).toBe('complete')
  })

  test.each<[what: string, change: (tokens: Tokens) => Promise<unknown>]>([
    ['is disabled', (tokens) => tokens.disableClient({ id: 'guard' }, admin)],
    ['is deleted', (tokens) => tokens.deleteClient({ id: 'guard' }, admin)],
    ['has another secret', (tokens) => tokens.replaceClientSecret({ id: 'guard' }, admin)],
    ['has lost the scope', (tokens) => tokens.updateClient({ id: 'guard', scopes: ['create_token'] }, admin)],
  ])('sends no more to a client that %s, nor to a session that this client created', async (_, change) => {
    await createClientStore(service.database).putClient(guard)
    const pair = await service.tokens.issue(
      { owner: alice, scopes: ['manage_token'] },
      { kind: 'client', clientId: 'guard', scopes: guard.scopes },
    )
    const streams = [await follow(undefined, asGuard), await follow(undefined, bearer(pair))]
    const administrator = await follow()
    for (const stream of [...streams, administrator]) await stream.next()
    // As long as the scopes are unchanged, each stream gets events.
    await endAccess(await issue())
    for (const stream of [...streams, administrator]) expect(await readIds(stream)).toHaveLength(1)

    await change(service.tokens)
    await endAccess(await issue())

    expect(await readIds(administrator)).not.toHaveLength(0)
    for (const stream of streams) expect(await stream.next()).toBe('complete')
  })
})

describe('the stream', () => {
  test('is plain server-sent events that no proxy caches or buffers', async () => {
    const stream = await follow()

    expect(
      Object.fromEntries(
        ['content-type', 'cache-control', 'x-accel-buffering'].map((name) => [name, stream.headers.get(name)]),
      ),
    ).toEqual({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
  })

  test('is refused to a caller that does not accept one', async () => {
    const answer = await ask(service.handler, 'subscription { revocationFeed { cursor } }', { authorization: asAdmin })

    expect(answer).toMatchObject({ status: 406, errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
  })

  test.each([
    'subscription { tokenInvalidated @skip(if: true) { id } }',
    'subscription { ... @include(if: false) { tokenInvalidated { id } } }',
    'subscription { ...Root } fragment Root on Subscription { tokenInvalidated @skip(if: true) { id } }',
  ])('is refused for %s, which selects no field', async (query) => {
    const stream = await listen(query, bearer(await issue()))

    expect(await stream.next()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
    expect(service.reports).toEqual([])
  })

  test('ends when the service stops, and a later one completes at once', async () => {
    const pair = await issue()
    const [page, feed] = [await watch(pair), await follow()]
    await feed.next()

    service.tokens.endStreams()

    for (const stream of [page, feed]) expect(await stream.next()).toBe('complete')
    expect(await (await watch(pair)).next()).toBe('complete')
    expect(await (await follow()).next()).toBe('complete')
  })
})
