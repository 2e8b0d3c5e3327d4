import { afterEach, describe, expect, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { type BlockSection, decodeBlock, horizonSeconds, joinSections } from '../../src/tokens/block.ts'
import type { ClientCaller } from '../../src/tokens/caller.ts'
import { digestClientSecret } from '../../src/tokens/clients.ts'
import type { GuardFeedEvent } from '../../src/tokens/live/guard-feed.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'
import { basic } from '../support/basic.ts'
import { type EventStream, subscribe } from '../support/event-stream.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
const open: AsyncIterator<unknown>[] = []
const streams: EventStream[] = []
afterEach(async () => {
  for (const stream of open.splice(0)) await stream.return?.()
  for (const stream of streams.splice(0)) await stream.close()
})

const guard: ClientCaller = { kind: 'client', clientId: 'guard', scopes: ['follow_revocations'] }
const alice = { realm: 'staff', username: 'alice' }
const issue = (owner = alice) => service.tokens.issue({ owner, scopes: [] }, admin)
const invalidate = (target: Parameters<Tokens['invalidate']>[0]) => service.tokens.invalidate(target, admin)
const endAccess = ({ accessToken: token }: IssuedPair) => invalidate({ kind: 'access-token', token })
const endRefresh = ({ refresh }: IssuedPair) =>
  invalidate({ kind: 'refresh-token', token: refresh?.token ?? expect.unreachable() })
const endSession = (id: number) => invalidate({ kind: 'session', id })
const pairOf = async ({ accessToken }: IssuedPair) => {
  const found = await service.tokens.introspect(accessToken, admin)
  return found.active ? { id: found.pair.id, session: found.session.id } : expect.unreachable()
}

async function follow(after?: string, tokens = service.tokens) {
  const stream = await tokens.followForGuard(after, guard)
  open.push(stream)
  const next = async (): Promise<GuardFeedEvent> => {
    const step = await stream.next()
    return step.done ? expect.unreachable('The stream ended') : step.value
  }
  return {
    next,
    /** Reads to the end of the snapshot, or of what was missed. */
    caughtUp: async () => {
      const events = [await next()]
      while (events.at(-1)?.isComplete === false) events.push(await next())
      return events
    },
    /** The next event that has revocations. */
    nextBlock: async () => {
      for (;;) {
        const event = await next()
        if (event.block !== undefined) return event
      }
    },
    /** The next event that has none. */
    heartbeat: async () => {
      for (;;) {
        const event = await next()
        if (event.block === undefined) return event
      }
    },
  }
}

const contentOf = (events: readonly GuardFeedEvent[]): BlockSection =>
  joinSections(events.flatMap(({ block }) => (block === undefined ? [] : [...decodeBlock(block)])))

describe('a guard that begins', () => {
  test('gets what can still cover a live access token, and nothing else', async () => {
    const old = await issue()
    await endAccess(old)
    service.clock.advance(horizonSeconds + 1_300)
    const [fresh, spent, session] = [await issue(), await issue(), await issue()]
    const ids = { fresh: await pairOf(fresh), session: await pairOf(session) }
    await endAccess(fresh)
    await endRefresh(spent)
    await endSession(ids.session.session)
    const swept = await invalidate({ kind: 'owner', scope: { kind: 'realm-user', realm: 'staff', username: 'bob' } })

    const events = await (await follow()).caughtUp()

    expect(contentOf(events)).toMatchObject({
      accessTokens: [ids.fresh.id],
      sessions: [ids.session.session],
      owners: [{ realm: 'staff', username: 'bob', clientId: undefined, bound: swept.revision }],
    })
    expect(events.at(-1)).toMatchObject({ isComplete: true, hasGap: false })
  })

  test('is told when its subscription arrived, in the first event and in no other', async () => {
    const stream = await follow()

    const first = await stream.next()
    expect(first.arrivedAt).toEqual(expect.any(Number))
    expect((await stream.heartbeat()).arrivedAt).toBeUndefined()
  })

  test('learns how old a revocation is, at most', async () => {
    await endAccess(await issue())
    service.clock.advance(2_000)
    await endSession((await pairOf(await issue())).session)

    const events = await (await follow()).caughtUp()

    const sections = events.flatMap(({ block }) => (block === undefined ? [] : decodeBlock(block)))
    expect(sections.find(({ accessTokens }) => accessTokens.length > 0)?.ageSeconds).toBe(1_950)
    expect(sections.find(({ sessions }) => sessions.length > 0)?.ageSeconds).toBe(0)
  })

  test('shares its snapshot with another that begins at the same time', async () => {
    await endAccess(await issue())

    const [[one], [other]] = await Promise.all([(await follow()).caughtUp(), (await follow()).caughtUp()])

    expect(one?.block).toBeDefined()
    expect(one?.block).toBe(other?.block)
  })
})

describe('a guard that follows', () => {
  test('gets what is invalidated once, as the same object as every other guard of this process', async () => {
    const [pair, later] = [await issue(), await issue()]
    const [one, other] = [await follow(), await follow()]
    for (const stream of [one, other]) await stream.caughtUp()

    await endAccess(pair)
    const [first, same] = [await one.nextBlock(), await other.nextBlock()]
    await endAccess(later)
    const second = await one.nextBlock()

    expect(first).toBe(same)
    expect(contentOf([first]).accessTokens).toHaveLength(1)
    expect(contentOf([second]).accessTokens).not.toEqual(contentOf([first]).accessTokens)
  })

  test('gets heartbeats of finished readings, whose time goes on', async () => {
    const stream = await follow()
    await stream.caughtUp()

    const [one, other] = [await stream.heartbeat(), await stream.heartbeat()]

    expect(other.readAt).toBeGreaterThan(one.readAt)
  })

  test('gets what other instances invalidate', async () => {
    const stream = await follow(undefined, service.another())
    await stream.caughtUp()
    const pair = await issue()
    const { id } = await pairOf(pair)

    await endAccess(pair)

    expect(contentOf([await stream.nextBlock()]).accessTokens).toEqual([id])
  })

  test('continues from a cursor with what came after it', async () => {
    const stream = await follow()
    await stream.caughtUp()
    await endAccess(await issue())
    const block = await stream.nextBlock()
    const { cursor } = await stream.heartbeat()
    const missed = await issue()
    const { id } = await pairOf(missed)
    await endAccess(missed)

    const events = await (await follow(cursor)).caughtUp()

    expect(contentOf([block]).accessTokens).not.toContain(id)
    expect(contentOf(events).accessTokens).toEqual([id])
    expect(events.map(({ hasGap }) => hasGap)).not.toContain(true)
  })

  test('begins again with a snapshot, and is told, when its cursor is of another history of the database', async () => {
    const { cursor } = await (await follow()).next()
    const other = Buffer.from(cursor, 'base64url')
      .toString()
      .replace(/^1 \d+/, '1 42')
    await endAccess(await issue())

    const stream = await follow(Buffer.from(other).toString('base64url'))
    const events = await stream.caughtUp()
    const known = contentOf(events).accessTokens.length > 0 ? events : [await stream.nextBlock()]

    expect(events.map(({ hasGap }) => hasGap)).toContain(true)
    expect(contentOf(known).accessTokens).toHaveLength(1)
  })
})

test('no revocation is missed, whatever the size of the pages', async () => {
  const log = createRevocationLog(service.database)
  const ids: number[] = []
  for (let count = 0; count < 23; count++) {
    const pair = await issue()
    ids.push((await pairOf(pair)).id)
    await endAccess(pair)
    if (count % 5 === 0) service.clock.advance(900)
  }

  for (const limit of [1, 2, 7, 23, 24]) {
    const read: BlockSection[] = []
    let cursor: string | undefined
    for (let hasMore = true; hasMore; ) {
      const page = await log.readSections(cursor, limit)
      read.push(...page.sections)
      ;({ cursor, hasMore } = page)
    }
    const live = ids.slice(-read.flatMap(({ accessTokens }) => accessTokens).length)
    expect(read.flatMap(({ accessTokens }) => accessTokens).sort((one, other) => one - other)).toEqual(live)
    expect(live.length).toBeGreaterThan(15)
  }
})

describe('the right to follow', () => {
  const secret = 'the-secret-of-a-guard-of-32-characters'
  const query =
    'subscription { revocationFeed(forGuard: true) { cursor block epoch readAt isComplete revocations { id } } }'
  const put = (scopes: readonly string[]) =>
    createClientStore(service.database).putClient({ id: 'guard', secretDigest: digestClientSecret(secret), scopes })
  const listen = async (authorization?: string) => {
    const stream = await subscribe(service.handler, { query, authorization })
    streams.push(stream)
    return stream
  }

  test('is the scope follow_revocations, and not manage_token', async () => {
    await put(['manage_token'])

    const stream = await listen(basic('guard', secret))

    expect((await stream.next()).errors[0].extensions.code).toBe('FORBIDDEN')
  })

  test('shows no revocation in full', async () => {
    await put(['follow_revocations'])
    await endAccess(await issue())

    const { revocationFeed } = (await (await listen(basic('guard', secret))).next()).data

    expect(revocationFeed).toMatchObject({ revocations: [], block: expect.any(String), isComplete: true })
  })

  test('ends with the scope, at the next heartbeat', async () => {
    await put(['follow_revocations'])
    const stream = await listen(basic('guard', secret))
    await stream.next()

    await put(['create_token'])

    for (let event = await stream.next(); event !== 'complete'; ) event = await stream.next()
    expect(service.reports).toEqual([])
  })

  test('is refused without credentials', async () => {
    expect((await (await listen()).next()).errors[0].extensions.code).toBe('UNAUTHENTICATED')
  })
})
