import { desc } from 'drizzle-orm'
import fc from 'fast-check'
import { expect } from 'vitest'
import { revocations, spentRefreshTokens, tokenPairs } from '../../src/storage/schema.ts'
import type { ClientCaller } from '../../src/tokens/caller.ts'
import type { SweepScope } from '../../src/tokens/coverage.ts'
import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { admin, type TestService } from '../support/service.ts'
import { accessTokenSeconds, graceSeconds, type Half, type Life, type Pair, refreshTokenSeconds } from './life.ts'

type Command = fc.AsyncCommand<Life, TestService>

const realms = ['staff', 'guests'] as const
const usernames = ['alice', 'bob'] as const
const clients = ['web', 'app'] as const

/** All commands. Some set up a situation on purpose, since random commands alone would almost never reach it. */
export function commandArbitraries(): fc.Arbitrary<Command>[] {
  const owner = fc.record({ realm: fc.constantFrom(...realms), username: fc.constantFrom(...usernames) })
  const client = fc.constantFrom(...clients)
  const scope: fc.Arbitrary<SweepScope> = fc.oneof(
    owner.map(({ realm }) => ({ kind: 'realm', realm }) as const),
    owner.map(({ username }) => ({ kind: 'username', username }) as const),
    owner.map((each) => ({ kind: 'realm-user', ...each }) as const),
    client.map((clientId) => ({ kind: 'client', clientId }) as const),
    fc.constant({ kind: 'everything' } as const),
  )
  const nth = fc.nat(1000)
  const half = fc.constantFrom<Half>('access', 'refresh')
  const weighted: readonly (readonly [weight: number, command: fc.Arbitrary<Command>])[] = [
    [
      9,
      fc
        .tuple(owner, client, fc.boolean(), fc.boolean())
        .map(([each, by, one, other]) => issue(each, by, one && other)),
    ],
    [5, nth.map(refreshNewest)],
    [1, nth.map(refreshAny)],
    [4, fc.tuple(nth, half).map(([n, which]) => invalidateHalf(n, which))],
    [2, fc.tuple(nth, half).map(([n, which]) => introspect(n, which))],
    [5, scope.map(sweep)],
    [2, fc.tuple(nth, half, fc.boolean()).map(([n, which, isByName]) => sweepInactive(n, which, isByName))],
    [2, fc.tuple(nth, fc.integer({ min: 0, max: graceSeconds - 1 })).map(([n, seconds]) => replayInside(n, seconds))],
    [2, fc.tuple(nth, fc.constantFrom(0, 1, 300)).map(([n, seconds]) => replayOutside(n, seconds))],
    [1, fc.tuple(nth, fc.constantFrom(0, 1, 300)).map(([n, seconds]) => refreshExpired(n, seconds))],
    [2, fc.constantFrom(1, 29, 30, 600, 1199, 1200, 43_200).map(advance)],
  ]
  return weighted.flatMap(([weight, command]) => Array.from({ length: weight }, () => command))
}

/** Deletes all tokens, so that a run begins with an empty log. For so few rows this is faster than `truncate`. */
export async function forgetAll({ database: { db } }: TestService): Promise<void> {
  for (const table of [revocations, spentRefreshTokens, tokenPairs]) await db.delete(table)
}

/** Compares every half with the model: both agree on whether it is active. */
export async function compareAll(life: Life, service: TestService): Promise<void> {
  await Promise.all(
    life.pairs.flatMap((pair) =>
      (['access', 'refresh'] as const).map((half) => compareHalf(life, service, pair, half)),
    ),
  )
}

function issue(owner: Owner, client: string, withoutRefreshToken: boolean): Command {
  const caller: ClientCaller = { kind: 'client', clientId: client, scopes: ['create_token'] }
  return command(`${client} issues to ${owner.realm}/${owner.username}${withoutRefreshToken ? ', access only' : ''}`, {
    run: async (life, service) => {
      const tokens = await service.tokens.issue({ owner, withoutRefreshToken }, caller)
      assertLifetimes(service, tokens)
      life.add(tokens, client)
    },
  })
}

function refreshNewest(nth: number): Command {
  return onPair(`refresh newest ${nth}`, nth, ({ pairs }) => pairs.filter(({ spent }) => spent === undefined), refresh)
}

function refreshAny(nth: number): Command {
  return onPair(`refresh any ${nth}`, nth, ({ pairs }) => pairs, refresh)
}

/** Refreshes with a spent token within the grace window. Its successor may be spent as well by now. */
function replayInside(nth: number, seconds: number): Command {
  return onPair(`replay ${nth} within the window after ${seconds} s`, nth, spendable, async (life, service, pair) => {
    if (pair.spent === undefined) await refresh(life, service, pair)
    const passed = (life.now() - (pair.spent?.at ?? 0)) / 1000
    if (passed < seconds) pass(life, service, seconds - passed)
    await refresh(life, service, pair)
  })
}

function replayOutside(nth: number, seconds: number): Command {
  return onPair(`replay ${nth} ${seconds} s after the window`, nth, spendable, async (life, service, pair) => {
    if (pair.spent === undefined) await refresh(life, service, pair)
    const passed = (life.now() - (pair.spent?.at ?? 0)) / 1000
    if (passed < graceSeconds + seconds) pass(life, service, graceSeconds + seconds - passed)
    await refresh(life, service, pair)
  })
}

function refreshExpired(nth: number, seconds: number): Command {
  return onPair(
    `refresh ${nth} ${seconds} s after its expiry`,
    nth,
    ({ pairs }) => pairs,
    async (life, service, pair) => {
      const left = (pair.expiresAt.refresh - life.now()) / 1000
      if (left + seconds > 0) pass(life, service, left + seconds)
      await refresh(life, service, pair)
    },
  )
}

function invalidateHalf(nth: number, half: Half): Command {
  return onPair(
    `invalidate ${half} ${nth}`,
    nth,
    ({ pairs }) => pairs,
    (life, service, pair) => invalidate(life, service, pair, half),
  )
}

function introspect(nth: number, half: Half): Command {
  return onPair(
    `introspect ${half} ${nth}`,
    nth,
    ({ pairs }) => pairs,
    (life, service, pair) => compareHalf(life, service, pair, half),
  )
}

function sweep(scope: SweepScope): Command {
  return command(`sweep ${Object.values(scope).join(' ')}`, {
    run: (life, service) => sweepScope(life, service, scope),
  })
}

/** A pair without a live half is covered by a sweep but not counted: ended singly later, its halves count as new. */
function sweepInactive(nth: number, half: Half, isByName: boolean): Command {
  const cause = isByName ? 'invalidated' : 'expired'
  return onPair(
    `sweep ${nth} when its access token is ${cause}, then invalidate ${half}`,
    nth,
    uncovered,
    async (life, service, pair) => {
      if (pair.hasRefresh) await invalidate(life, service, pair, 'refresh')
      const left = (pair.expiresAt.access - life.now()) / 1000
      if (isByName) await invalidate(life, service, pair, 'access')
      else if (left > 0) pass(life, service, left)
      await sweepScope(life, service, { kind: 'realm-user', ...pair.owner })
      await invalidate(life, service, pair, half)
      await invalidate(life, service, pair, half)
    },
  )
}

function uncovered({ pairs }: Life): readonly Pair[] {
  return pairs.filter(({ cover }) => cover === undefined)
}

function advance(seconds: number): Command {
  return command(`advance ${seconds} s`, { run: async (life, service) => pass(life, service, seconds) })
}

async function invalidate(life: Life, service: TestService, pair: Pair, half: Half): Promise<void> {
  const target = { kind: half === 'access' ? 'access-token' : 'refresh-token', token: tokenOf(pair, half) } as const
  expect(await service.tokens.invalidate(target, admin)).toMatchObject({ ...life.invalidate(pair, half), errors: [] })
  await compareHalf(life, service, pair, half)
}

async function sweepScope(life: Life, service: TestService, scope: SweepScope): Promise<void> {
  const expected = life.sweep(scope)
  expect(await service.tokens.invalidate(targetOf(scope), admin)).toMatchObject({ ...expected, errors: [] })
  expect(await newestCounts(service)).toEqual(expected)
}

function targetOf(scope: SweepScope): InvalidationTarget {
  return scope.kind === 'client' || scope.kind === 'everything' ? scope : { kind: 'owner', scope }
}

async function refresh(life: Life, service: TestService, pair: Pair): Promise<void> {
  const prediction = life.refresh(pair)
  const answer = await service.tokens.refresh(tokenOf(pair, 'refresh'))
  switch (prediction.outcome) {
    case 'new':
      if (answer.outcome !== 'refreshed') throw new Error(`Expected a new pair, got ${JSON.stringify(answer)}`)
      expect(life.pairs.map(({ tokens }) => tokens.accessToken)).not.toContain(answer.pair.accessToken)
      expect(answer.pair).toMatchObject({ session: pair.tokens.session, scopes: pair.tokens.scopes })
      assertLifetimes(service, answer.pair)
      return life.add(answer.pair, pair.client, pair)
    case 'replay': {
      const { tokens, expiresAt } = prediction.successor
      const expiresInSeconds = Math.max(0, (expiresAt.access - life.now()) / 1000)
      return expect(answer).toEqual({ outcome: 'refreshed', pair: { ...tokens, expiresInSeconds } })
    }
    case 'refused':
      expect(answer).toEqual({ outcome: 'refused', reason: prediction.reason })
      if (prediction.ended !== undefined) expect(await newestCounts(service)).toEqual(prediction.ended)
      return
    default:
      return prediction satisfies never
  }
}

function assertLifetimes({ clock }: TestService, { expiresInSeconds, refresh }: IssuedPair): void {
  expect(expiresInSeconds).toBe(accessTokenSeconds)
  const expiresAt = new Date(clock.now().getTime() + refreshTokenSeconds * 1000)
  expect(refresh?.expiresAt ?? expiresAt).toEqual(expiresAt)
}

async function compareHalf(life: Life, service: TestService, pair: Pair, half: Half): Promise<void> {
  const { active } = await service.tokens.introspect(tokenOf(pair, half), admin)
  expect({ half, active }).toEqual({ half, active: life.isLive(pair, half) })
}

async function newestCounts(service: TestService): Promise<unknown> {
  const { invalidated, previouslyInvalidated } = revocations
  const newest = service.database.db.select({ invalidated, previouslyInvalidated }).from(revocations)
  return (await newest.orderBy(desc(revocations.revision)).limit(1))[0]
}

function pass(life: Life, service: TestService, seconds: number): void {
  life.advance(seconds)
  service.clock.advance(seconds)
}

/** Pairs whose refresh token is spent, or can be spent now: a replay needs one of them. */
function spendable({ pairs, isLive }: Life): readonly Pair[] {
  return pairs.filter((pair) => pair.spent !== undefined || isLive(pair, 'refresh'))
}

function tokenOf({ tokens }: Pair, half: Half): string {
  return half === 'access' ? tokens.accessToken : (tokens.refresh?.token ?? 'none')
}

function onPair(
  name: string,
  nth: number,
  choose: (life: Life) => readonly Pair[],
  run: (life: Life, service: TestService, pair: Pair) => Promise<void>,
): Command {
  return command(name, {
    check: (life) => choose(life).length > 0,
    run: async (life, service) => {
      const choices = choose(life)
      const pair = choices[nth % choices.length]
      if (pair !== undefined) await run(life, service, pair)
    },
  })
}

function command(
  name: string,
  { check = () => true, run }: { readonly check?: (life: Life) => boolean; readonly run: Command['run'] },
): Command {
  return { check, run, toString: () => name }
}
