import type { Contender, Group, Measure } from './contender.ts'
import type { BenchContext } from './context.ts'
import { createGuardGroups } from './guard/goals.ts'
import { createOidc } from './oidc/contenders.ts'
import type { Options } from './options.ts'
import { createTokenDatabases } from './ours/databases.ts'
import { createGrowth } from './ours/growth.ts'
import { createSingleConnection } from './ours/one-connection.ts'
import { createRealmContenders } from './ours/realm.ts'
import { createRetention } from './ours/retention.ts'
import { createSessionPages } from './ours/sessions.ts'
import { createStorage } from './ours/storage.ts'
import { createVerbs } from './ours/throughput.ts'
import { createEcho } from './plain/echo.ts'
import { createPgbench } from './plain/pgbench.ts'

/** A number to compare: the sum of one measure over several contenders; for memory, the greatest. */
export interface Figure {
  readonly of: readonly Contender[]
  readonly measure: Measure
}

export type Requirement =
  | { readonly kind: 'ratio'; readonly atLeast?: number; readonly atMost?: number }
  | { readonly kind: 'speedup'; readonly atLeast: number }
  | { readonly kind: 'value'; readonly atMost: number }
  /** The number is printed, and nothing is required of it. */
  | { readonly kind: 'none' }

/** A line of the table. */
export interface Line {
  readonly work: string
  readonly ours: Figure
  readonly baseline?: Figure
}

export interface Goal extends Line {
  readonly requirement: Requirement
}

/** Lines whose contenders run in interleaved rounds. */
export interface LineGroup<Each extends Line> {
  readonly name: string
  readonly lines: readonly Each[]
  readonly mostRounds?: number
}

/** Opens and seeds nothing yet: each contender does so when it is prepared. */
export function createGoalGroups(context: BenchContext): readonly LineGroup<Goal>[] {
  const databases = createTokenDatabases(context)
  const echo = createEcho(context)
  const pgbench = createPgbench(context)
  const verbs = createVerbs(context, databases)
  const oidc = createOidc(context)
  const { pairs, mostPairs } = context.options
  const realms = [...new Set([pairs, mostPairs])].map((size) => createRealmContenders(databases, size))

  return [
    { name: 'storage', mostRounds: 1, lines: storageGoals(createStorage(context, databases)) },
    {
      name: '64 connections',
      lines: throughputGoals({ ...verbs, oidc, echo: echo('echo', 64), pgbench: pgbench('pgbench', 64) }),
    },
    {
      name: 'one connection',
      lines: singleConnectionGoals({
        ...createSingleConnection(context, databases),
        echo: echo('echo, one connection', 1),
        pgbench: pgbench('pgbench, one connection', 1),
      }),
    },
    {
      name: 'growth',
      lines: growthGoals(createGrowth(context, databases, 10_000), createGrowth(context, databases, mostPairs)),
    },
    { name: 'lists', lines: listGoals(createSessionPages(context, databases)) },
    { name: 'retention', lines: retentionGoals(createRetention(context, databases)), mostRounds: 3 },
    ...realms.map((realm, place) => realmGoals(realm, place === 0 ? pairs : mostPairs)),
    ...createGuardGroups(context, databases),
  ]
}

/** Only the lines that were asked for, and only the contenders that they need. */
export function selectGroups<Each extends Line>(groups: readonly LineGroup<Each>[], { only }: Options) {
  const isWanted = ({ work }: Line) => only.length === 0 || only.some((part) => work.includes(part))
  const selected = groups
    .map((group) => ({ ...group, lines: group.lines.filter(isWanted) }))
    .filter(({ lines }) => lines.length > 0)
  return selected.map(({ lines, ...group }) => {
    const figures = lines.flatMap(({ ours, baseline }) => [ours, ...(baseline === undefined ? [] : [baseline])])
    const contenders = [...new Set(figures.flatMap((figure) => figure.of))]
    return { lines, group: { ...group, contenders } satisfies Group }
  })
}

type Verbs = ReturnType<typeof createVerbs>

interface Throughput extends Verbs {
  readonly oidc: ReturnType<typeof createOidc>
  readonly echo: Contender
  readonly pgbench: Contender
}

function throughputGoals(one: Throughput): readonly Goal[] {
  const { oidc, echo, pgbench } = one
  const rate = (ours: Contender, baseline: Contender, atLeast?: number): Goal => ({
    work: `${ours.name}: answers a second`,
    ours: { of: [ours], measure: 'perSecond' },
    baseline: { of: [baseline], measure: 'perSecond' },
    requirement: atLeast === undefined ? { kind: 'none' } : { kind: 'ratio', atLeast },
  })
  const cpu = (ours: Contender, atMost?: number): Goal => ({
    work: `${ours.name}: CPU of the server per request`,
    ours: { of: [ours], measure: 'serverMicros' },
    baseline: { of: [echo], measure: 'serverMicros' },
    requirement: atMost === undefined ? { kind: 'none' } : { kind: 'ratio', atMost },
  })
  return [
    rate(one.invalidate, pgbench, 1),
    rate(one.invalidate, oidc.revoke, 5),
    cpu(one.invalidate, 2.5),
    rate(one.invalidateAsOwner, pgbench),
    cpu(one.invalidateAsOwner),
    rate(one.invalidateSession, oidc.revoke),
    rate(one.introspect, oidc.introspect, 5),
    cpu(one.introspect, 2.5),
    rate(one.issue, oidc.issue, 3),
    rate(one.refresh, oidc.refresh, 3),
    rate(one.oauthRevoke, oidc.revoke),
    cpu(one.oauthRevoke),
    rate(one.oauthIntrospect, oidc.introspect),
    cpu(one.oauthIntrospect),
    {
      work: 'peak memory of the service under all of these',
      ours: { of: [one.invalidate, one.invalidateAsOwner, one.introspect, one.issue, one.refresh], measure: 'peakMb' },
      requirement: { kind: 'value', atMost: 150 },
    },
  ]
}

interface SingleConnection extends ReturnType<typeof createSingleConnection> {
  readonly echo: Contender
  readonly pgbench: Contender
}

function singleConnectionGoals(one: SingleConnection): readonly Goal[] {
  const p50 = (ours: Contender, baseline: readonly Contender[], requirement: Requirement): Goal => ({
    work: `${ours.name}: p50`,
    ours: { of: [ours], measure: 'p50Ms' },
    baseline: { of: baseline, measure: 'p50Ms' },
    requirement,
  })
  return [
    p50(one.invalidate, [one.invalidateStatement, one.echo], { kind: 'ratio', atMost: 1.5 }),
    p50(one.introspect, [one.introspectStatement, one.echo], { kind: 'ratio', atMost: 1.5 }),
    p50(one.invalidate, [one.pgbench], { kind: 'none' }),
  ]
}

type Growth = ReturnType<typeof createGrowth>

function growthGoals(small: Growth, large: Growth): readonly Goal[] {
  return (['invalidate', 'introspect'] as const).map((verb) => ({
    work: `growth: time of ${large[verb].name}`,
    ours: { of: [large[verb]], measure: 'p50Ms' },
    baseline: { of: [small[verb]], measure: 'p50Ms' },
    requirement: { kind: 'ratio', atMost: 1.3 },
  }))
}

function listGoals({ first, hundredth }: ReturnType<typeof createSessionPages>): readonly Goal[] {
  return [
    {
      work: 'lists: page 100 of a realm’s sessions',
      ours: { of: [hundredth], measure: 'p50Ms' },
      baseline: { of: [first], measure: 'p50Ms' },
      requirement: { kind: 'ratio', atMost: 1.3 },
    },
  ]
}

function retentionGoals({ without, during }: ReturnType<typeof createRetention>): readonly Goal[] {
  return [
    {
      work: 'retention: p99 of invalidations meanwhile',
      ours: { of: [during], measure: 'p99Ms' },
      baseline: { of: [without], measure: 'p99Ms' },
      requirement: { kind: 'ratio', atMost: 1.2 },
    },
  ]
}

function realmGoals(realm: ReturnType<typeof createRealmContenders>, pairs: number): LineGroup<Goal> {
  const { single, sweep, sweepAfterSingles, flagging } = realm
  const isLarge = pairs > 1_000_000
  const counts = (of: Contender): Goal => ({
    work: `${of.name}: exact counts`,
    ours: { of: [of], measure: 'countsMs' },
    requirement: { kind: 'value', atMost: isLarge ? 1500 : 150 },
  })
  const effect: Figure = { of: [sweep], measure: 'effectMs' }
  const all: readonly Goal[] = [
    {
      work: `${sweep.name}: until it takes effect`,
      ours: effect,
      baseline: { of: [single], measure: 'effectMs' },
      requirement: { kind: 'ratio', atMost: 2 },
    },
    counts(sweep),
    counts(sweepAfterSingles),
    {
      work: `${sweep.name}: compared with flagging each row`,
      ours: effect,
      baseline: { of: [flagging], measure: 'effectMs' },
      requirement: { kind: 'speedup', atLeast: 50 },
    },
  ]
  // Flagging ten million rows takes minutes and tens of gigabytes; one million rows show the same.
  return {
    name: `a realm of ${pairs.toLocaleString('en')} pairs`,
    mostRounds: 5,
    lines: isLarge ? all.slice(0, 3) : all,
  }
}

function storageGoals(storage: Contender): readonly Goal[] {
  const ours: Figure = { of: [storage], measure: 'bytes' }
  return [{ work: 'storage: a live pair, indexes included', ours, requirement: { kind: 'value', atMost: 260 } }]
}
