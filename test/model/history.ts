import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import type { Database } from '../../src/storage/engine/database.ts'
import { tokenPairs } from '../../src/storage/schema.ts'
import type { SweepScope } from '../../src/tokens/coverage.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { Attribution, InvalidationScope, NewHalf, Session, TokenStore } from '../../src/tokens/store.ts'
import type { Half, HalfReference, PairKey } from '../../src/tokens/token.ts'

/** What was done to a store, as far as later events and comparisons need it. */
export interface History {
  readonly store: TokenStore
  readonly logins: Login[]
  readonly pairs: HistoryPair[]
  now: Date
}

export interface Login extends Session {
  readonly clientId: string
  readonly startedAt: Date
}

export interface HistoryPair extends PairKey {
  readonly login: Login
  readonly access: HalfReference
  readonly refresh: HalfReference | undefined
}

const realms = ['staff', 'guests'] as const
const usernames = ['alice', 'bob'] as const
const clientIds = ['web', 'app'] as const
const owners: readonly Owner[] = realms.flatMap((realm) => usernames.map((username) => ({ realm, username })))

/** Every scope that a sweep can have in a history. */
export const sweepScopes: readonly SweepScope[] = [
  ...realms.map((realm) => ({ kind: 'realm', realm }) as const),
  ...usernames.map((username) => ({ kind: 'username', username }) as const),
  ...owners.map((owner) => ({ kind: 'realm-user', ...owner }) as const),
  ...clientIds.map((clientId) => ({ kind: 'client', clientId }) as const),
  { kind: 'everything' },
]

/** A scope before its history is known: a session is one of those that there are then, by number. */
type ScopeChoice =
  | { readonly kind: 'session'; readonly nth: number }
  | {
      readonly kind: 'sweep'
      readonly scope: SweepScope
      readonly secondsAgo: number | undefined
      readonly nthSpared: number | undefined
    }

export type HistoryEvent =
  | { readonly kind: 'issue'; readonly owner: Owner; readonly clientId: string; readonly hasRefresh: boolean }
  | { readonly kind: 'refresh'; readonly nth: number }
  | { readonly kind: 'end half'; readonly nth: number; readonly half: Half }
  | { readonly kind: 'end scope'; readonly choice: ScopeChoice }
  | { readonly kind: 'wait'; readonly seconds: number }

const nth = fc.nat(10_000)

/** Any scope that can be invalidated, with its options. */
function scopeArbitrary(): fc.Arbitrary<ScopeChoice> {
  const session = fc.record({ kind: fc.constant('session' as const), nth })
  // Without an instant and a spared session little stays alive.
  const sweep = fc.record({
    kind: fc.constant('sweep' as const),
    scope: fc.constantFrom(...sweepScopes),
    secondsAgo: fc.constantFrom(undefined, undefined, 0, 1, 700),
    nthSpared: fc.option(nth, { nil: undefined, freq: 2 }),
  })
  return fc.oneof({ weight: 1, arbitrary: session }, { weight: 4, arbitrary: sweep })
}

/** Undefined if the history has no session that it could be. */
export function scopeIn({ logins, now }: History, choice: ScopeChoice): InvalidationScope | undefined {
  if (choice.kind === 'session') {
    const session = pick(logins, choice.nth)
    return session && { kind: 'session', session }
  }
  const { scope, secondsAgo, nthSpared } = choice
  const issuedBefore = secondsAgo === undefined ? undefined : new Date(now.getTime() - secondsAgo * 1000)
  const covered = logins.filter((login) => isInScope({ kind: 'sweep', scope, issuedBefore }, login))
  const sparedSessionId = nthSpared === undefined ? undefined : pick(covered, nthSpared)?.id
  return { kind: 'sweep', scope, issuedBefore, sparedSessionId }
}

/** Whether a scope, revoked now, would cover a login. */
export function isInScope(asked: InvalidationScope, login: Login): boolean {
  if (asked.kind === 'session') return asked.session.id === login.id
  const { scope, issuedBefore, sparedSessionId } = asked
  if (login.id === sparedSessionId || (issuedBefore !== undefined && login.startedAt >= issuedBefore)) return false
  switch (scope.kind) {
    case 'realm':
      return scope.realm === login.owner.realm
    case 'username':
      return scope.username === login.owner.username
    case 'realm-user':
      return scope.realm === login.owner.realm && scope.username === login.owner.username
    case 'client':
      return scope.clientId === login.clientId
    case 'everything':
      return true
    default:
      return scope satisfies never
  }
}

export function eventArbitrary(): fc.Arbitrary<HistoryEvent> {
  const issue = fc.record({
    kind: fc.constant('issue' as const),
    owner: fc.constantFrom(...owners),
    clientId: fc.constantFrom(...clientIds),
    hasRefresh: fc.boolean(),
  })
  const refresh = fc.record({ kind: fc.constant('refresh' as const), nth })
  const half = fc.record({
    kind: fc.constant('end half' as const),
    nth,
    half: fc.constantFrom('access' as const, 'refresh' as const),
  })
  const scope = fc.record({ kind: fc.constant('end scope' as const), choice: scopeArbitrary() })
  const seconds = fc.constantFrom(1, 1, 1, 700, 700, 1_300, 90_000)
  const wait = fc.record({ kind: fc.constant('wait' as const), seconds })
  return fc.oneof(
    { weight: 6, arbitrary: issue },
    { weight: 2, arbitrary: refresh },
    { weight: 2, arbitrary: half },
    { weight: 3, arbitrary: scope },
    { weight: 2, arbitrary: wait },
  )
}

const secondsOf = { access: 1_200, refresh: 86_400 } as const

/** Does to the store what an event says, but for ending a scope. What does not apply to the history does nothing. */
export async function happen(history: History, event: Exclude<HistoryEvent, { kind: 'end scope' }>): Promise<void> {
  switch (event.kind) {
    case 'issue':
      return issue(history, event)
    case 'refresh':
      return refresh(history, pick(history.pairs, event.nth))
    case 'end half': {
      const reference = pick(history.pairs, event.nth)?.[event.half]
      if (reference !== undefined) await history.store.invalidateHalf(reference, byTest(history))
      return
    }
    case 'wait':
      history.now = new Date(history.now.getTime() + event.seconds * 1000)
      return
    default:
      return event satisfies never
  }
}

export function byTest({ now }: History): Attribution {
  return { at: now, caller: 'test' }
}

const device = { label: undefined, userAgent: undefined, ipAddress: undefined }

async function issue(history: History, asked: Extract<HistoryEvent, { kind: 'issue' }>): Promise<void> {
  const { owner, clientId } = asked
  const [access, refresh] = [newHalf(history, 'access'), asked.hasRefresh ? newHalf(history, 'refresh') : undefined]
  const grant = { owner, clientId, scopes: [], slot: 0, issuedAt: history.now, device }
  const id = await history.store.issue({ ...grant, access, refresh })
  const login = { id, owner, clientId, startedAt: history.now }
  history.logins.push(login)
  history.pairs.push(pairOf(login, id, { access, refresh }))
}

async function refresh(history: History, pair: HistoryPair | undefined): Promise<void> {
  if (pair?.refresh === undefined) return
  const halves = { access: newHalf(history, 'access'), refresh: newHalf(history, 'refresh') }
  const answer = await history.store.refresh({
    presented: pair.refresh,
    at: history.now,
    salt: randomBytes(16),
    successor: { slot: 0, ...halves },
  })
  if (answer.outcome === 'refreshed') history.pairs.push(pairOf(pair.login, answer.successorId, halves))
}

/** Gives a login so many pairs more, every third without a refresh token. Faster than refreshing that often. */
export async function addPairs({ db }: Database, history: History, login: Login, count: number): Promise<void> {
  const [access, refresh] = [newHalf(history, 'access'), newHalf(history, 'refresh')]
  const rows = Array.from({ length: count }, (_, index) => ({
    slot: 0,
    id: sql<number>`nextval('revision')`,
    sessionId: login.id,
    ...login.owner,
    clientId: login.clientId,
    scopes: '',
    issuedAt: history.now,
    sessionStartedAt: login.startedAt,
    accessExpiresAt: access.expiresAt,
    accessDigest: access.digest,
    ...(index % 3 > 0
      ? { expiresAt: refresh.expiresAt, refreshDigest: refresh.digest }
      : { expiresAt: access.expiresAt }),
  }))
  if (rows.length === 0) return
  const { id, refreshDigest } = tokenPairs
  for (const pair of await db.insert(tokenPairs).values(rows).returning({ id, refreshDigest }))
    history.pairs.push(pairOf(login, pair.id, { access, refresh: pair.refreshDigest === null ? undefined : refresh }))
}

function newHalf({ now }: History, half: Half): NewHalf {
  return { digest: randomBytes(16), expiresAt: new Date(now.getTime() + secondsOf[half] * 1000) }
}

function pairOf(
  login: Login,
  id: number,
  { access, refresh }: { readonly access: NewHalf; readonly refresh: NewHalf | undefined },
): HistoryPair {
  const key = { slot: 0, id }
  return {
    ...key,
    login,
    access: { ...key, ...access, half: 'access' },
    refresh: refresh && { ...key, ...refresh, half: 'refresh' },
  }
}

function pick<Member>(members: readonly Member[], nth: number): Member | undefined {
  return members[nth % Math.max(1, members.length)]
}
