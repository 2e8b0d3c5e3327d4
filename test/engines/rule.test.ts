import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RevocationSet } from '../../src/guard/revocation-set.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { decodeBlock, encodeBlock, sectionOf } from '../../src/tokens/block.ts'
import { covers, type InvalidationCounts, type ListableScope, type Revocation } from '../../src/tokens/coverage.ts'
import type { InvalidationScope, StoredPair } from '../../src/tokens/store.ts'
import { forgetAll } from '../model/commands.ts'
import {
  addPairs,
  byTest,
  eventArbitrary,
  type History,
  type HistoryPair,
  happen,
  isInScope,
  type Login,
  scopeIn,
  sweepScopes,
} from '../model/history.ts'
import { useTestService } from '../support/service.ts'

/**
 * "Is this half invalid?" is answered by the view `token_pair_states`. Other statements restate the rule for speed, and
 * `covers` restates it for code without a database, and a guard's folded set for gateways. After a random history all of
 * them say what the view says, which `find` reads. A failure prints its seed and path: `RULE='{"seed":1,"path":"0:1"}'` repeats it, `RULE='{"numRuns":5000}'`
 * runs more.
 */
const service = useTestService({ keepsRows: true })
const chosen: fc.Parameters<unknown> = JSON.parse(process.env['RULE'] ?? '{}')

/** A pair as the view has it, beside what the history knows of it. */
interface ViewedPair {
  readonly known: HistoryPair
  readonly stored: StoredPair
}

// More pairs of one session and owner than are counted by key: these are counted by a scan.
test.each([
  ['few pairs', 0, 30],
  ['a session of 1,100 pairs', 1_100, 3],
])(
  '%s: counts, lists, `covers` and a guard agree with the view, whatever happens',
  async (_name, extraPairs, numRuns) => {
    const events = fc.array(eventArbitrary(), { size: 'max', minLength: 8, maxLength: 24 })
    const order = fc.integer({ min: 1, max: 10_000 })
    const property = fc.asyncProperty(events, fc.constantFrom(2, 100), order, async (happening, pageSize, seed) => {
      await forgetAll(service)
      const history = await begin(extraPairs)
      for (const event of happening) {
        if (event.kind !== 'end scope') await happen(history, event)
        else await endScope(history, scopeIn(history, event.choice))
      }
      const viewed = await readView(history)
      await compareCovers(history, viewed)
      await compareGuard(viewed, seed)
      await compareCounts(history, viewed)
      await compareLists(history, viewed, pageSize)
    })

    await fc.assert(property, { numRuns, ...chosen })
  },
)

async function begin(extraPairs: number): Promise<History> {
  const store = createTokenStore(service.database)
  const history: History = { store, logins: [], pairs: [], now: new Date('2026-11-21T09:00:00Z') }
  const owner = { realm: 'staff', username: 'alice' }
  await happen(history, { kind: 'issue', owner, clientId: 'web', hasRefresh: true })
  for (const login of history.logins) await addPairs(service.database, history, login, extraPairs)
  return history
}

/** The count before says what is then ended, and both what the view says. */
async function endScope(history: History, scope: InvalidationScope | undefined): Promise<void> {
  if (scope === undefined) return
  const expected = countInView(history, await readView(history), scope)
  expect(await history.store.countScope(scope, history.now)).toEqual(expected)
  expect(await history.store.invalidateScope(scope, byTest(history))).toMatchObject(expected)
}

async function readView({ store, pairs }: History): Promise<readonly ViewedPair[]> {
  return Promise.all(pairs.map(async (known) => ({ known, stored: (await store.find(known)) ?? expect.unreachable() })))
}

/** A pair counts if it has a live half, spent or not; then each of its halves counts. */
function countInView({ now }: History, viewed: readonly ViewedPair[], scope: InvalidationScope): InvalidationCounts {
  const halves = viewed
    .filter(({ known }) => isInScope(scope, known.login))
    .map(({ stored: { access, refresh } }) => (refresh === undefined ? [access] : [access, refresh]))
    .filter((pair) => pair.some(({ isInvalidated, expiresAt }) => !isInvalidated && expiresAt > now))
    .flat()
  const previouslyInvalidated = halves.filter(({ isEnded }) => isEnded).length
  return { invalidated: halves.length - previouslyInvalidated, previouslyInvalidated }
}

/** A half is invalid in the view if a revocation covers it; and the first that covers the session is what ended it. */
async function compareCovers({ store, logins, now }: History, viewed: readonly ViewedPair[]): Promise<void> {
  const { revocations } = await createRevocationLog(service.database).readSince(undefined, { limit: 10_000 })
  for (const { known, stored } of viewed) {
    for (const half of ['access', 'refresh'] as const) {
      const token = { half, pairId: known.id, session: known.login, clientId: known.login.clientId }
      const isCovered = revocations.some((revocation) => covers(revocation, token))
      const isInvalidated = stored[half]?.isInvalidated ?? isCovered
      expect({ ...token, isInvalidated }).toEqual({ ...token, isInvalidated: isCovered })
    }
  }
  const ended = logins.map(async ({ id }) => ({ id, endedBy: (await store.findSession(id, now))?.endedBy }))
  const expected = logins.map((login) => ({ id: login.id, endedBy: findEnding(revocations, login)?.revision }))
  expect(await Promise.all(ended)).toEqual(expected)
}

/** A guard gets the log as blocks, in any order and more than once. It judges access tokens only. */
async function compareGuard(viewed: readonly ViewedPair[], seed: number): Promise<void> {
  const { revocations } = await createRevocationLog(service.database).readSince(undefined, { limit: 10_000 })
  const place = ({ revision }: Revocation) => (revision * seed) % 10_007
  const twice = [...revocations, ...revocations.filter((_, index) => index % 3 === 0)].toSorted(
    (a, b) => place(a) - place(b),
  )
  const set = new RevocationSet()
  for (let from = 0, size = 1; from < twice.length; from += size, size = (size % 7) + 1)
    for (const section of decodeBlock(encodeBlock([sectionOf(twice.slice(from, from + size))]))) set.add(section, 0)
  for (const { known, stored } of viewed) {
    const { id: sessionId, clientId, owner } = known.login
    const token = { pairId: known.id, sessionId, clientId, realmName: owner.realm, username: owner.username }
    expect({ ...token, ended: set.covers(token) }).toEqual({ ...token, ended: stored.access.isInvalidated })
  }
}

function findEnding(revocations: readonly Revocation[], login: Login): Revocation | undefined {
  return revocations.find(
    (revocation) =>
      revocation.pairId === undefined &&
      covers(revocation, { half: 'access', pairId: login.id, session: login, clientId: login.clientId }),
  )
}

/** One owner and a session are counted by key, all else by a scan. */
async function compareCounts(history: History, viewed: readonly ViewedPair[]): Promise<void> {
  const scopes: readonly InvalidationScope[] = [
    ...sweepScopes.map((scope) => ({ kind: 'sweep', scope }) as const),
    ...history.logins.map((session) => ({ kind: 'session', session }) as const),
  ]
  const counted = scopes.map(async (scope) => ({ scope, ...(await history.store.countScope(scope, history.now)) }))
  const expected = scopes.map((scope) => ({ scope, ...countInView(history, viewed, scope) }))
  expect(await Promise.all(counted)).toEqual(expected)
}

async function compareLists(history: History, viewed: readonly ViewedPair[], pageSize: number): Promise<void> {
  const liveIds = new Set(viewed.filter((pair) => isUsable(pair, history.now)).map(({ known }) => known.login.id))
  const compareList = async (scope: ListableScope) => {
    const inScope = history.logins.filter((login) => isInScope({ kind: 'sweep', scope }, login)).toReversed()
    const all = inScope.map(({ id }) => ({ id, isLive: liveIds.has(id) }))
    const expected = { scope, live: all.filter(({ isLive }) => isLive), all }
    const [live, listed] = await Promise.all(
      [false, true].map((includeEnded) => listAll(history, { scope, includeEnded, limit: pageSize })),
    )
    expect({ scope, live, all: listed }).toEqual(expected)
  }
  await Promise.all(sweepScopes.map((scope) => (scope.kind === 'everything' ? undefined : compareList(scope))))
}

/** Whether a token of the pair is good for anything: a spent refresh token is not. */
function isUsable({ stored: { access, refresh, spent } }: ViewedPair, now: Date): boolean {
  const halves = refresh === undefined || spent !== undefined ? [access] : [access, refresh]
  return halves.some(({ isInvalidated, expiresAt }) => !isInvalidated && expiresAt > now)
}

async function listAll(
  { store, now }: History,
  page: { readonly scope: ListableScope; readonly includeEnded: boolean; readonly limit: number },
): Promise<readonly { readonly id: number; readonly isLive: boolean }[]> {
  const found: { readonly id: number; readonly isLive: boolean }[] = []
  for (;;) {
    const sessions = await store.listSessions({ ...page, before: found.at(-1)?.id, at: now })
    found.push(...sessions.map(({ id, isLive }) => ({ id, isLive })))
    if (sessions.length < page.limit) return found
  }
}
