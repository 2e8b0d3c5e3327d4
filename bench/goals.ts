import type { Contender, Group, Measure } from './contender.ts'
import { createOidc } from './oidc/contenders.ts'
import type { Options } from './options.ts'
import { createTokenDatabases } from './ours/databases.ts'
import { createGrown } from './ours/growth.ts'
import { createAlone } from './ours/one-connection.ts'
import { createRealmWide } from './ours/realm.ts'
import { createRetention } from './ours/retention.ts'
import { createSessionPages } from './ours/sessions.ts'
import { createStorage } from './ours/storage.ts'
import { createVerbs } from './ours/throughput.ts'
import { createEcho } from './plain/echo.ts'
import { createPgbench } from './plain/pgbench.ts'
import type { Stage } from './stage.ts'

/** A number to compare: the same measure of several contenders is added up (memory: the greatest counts). */
export interface Figure {
  readonly of: readonly Contender[]
  readonly measure: Measure
}

export type Bound =
  | { readonly kind: 'ratio'; readonly atLeast?: number; readonly atMost?: number }
  | { readonly kind: 'speedup'; readonly atLeast: number }
  | { readonly kind: 'value'; readonly atMost: number }
  /** Shown for what it is. */
  | { readonly kind: 'none' }

/** A line of the table. */
export interface Goal {
  readonly work: string
  readonly ours: Figure
  readonly baseline?: Figure
  readonly bound: Bound
}

/** Goals whose contenders run in interleaved rounds. */
export interface Chapter {
  readonly name: string
  readonly goals: readonly Goal[]
  readonly mostRounds?: number
}

/** Nothing is opened or seeded yet: each contender does so when its turn comes. */
export function createChapters(stage: Stage): readonly Chapter[] {
  const databases = createTokenDatabases(stage)
  const echo = createEcho(stage)
  const pgbench = createPgbench(stage)
  const verbs = createVerbs(stage, databases)
  const oidc = createOidc(stage)
  const { pairs, mostPairs } = stage.options
  const realms = [...new Set([pairs, mostPairs])].map((size) => createRealmWide(databases, size))

  return [
    { name: 'storage', mostRounds: 1, goals: storageGoals(createStorage(stage, databases)) },
    {
      name: '64 connections',
      goals: throughputGoals({ ...verbs, oidc, echo: echo('echo', 64), pgbench: pgbench('pgbench', 64) }),
    },
    {
      name: 'one connection',
      goals: aloneGoals({
        ...createAlone(stage, databases),
        echo: echo('echo, alone', 1),
        pgbench: pgbench('pgbench, alone', 1),
      }),
    },
    {
      name: 'growth',
      goals: growthGoals(createGrown(stage, databases, 10_000), createGrown(stage, databases, mostPairs)),
    },
    { name: 'lists', goals: listGoals(createSessionPages(stage, databases)) },
    { name: 'retention', goals: retentionGoals(createRetention(stage, databases)), mostRounds: 3 },
    ...realms.map((realm, place) => realmChapter(realm, place === 0 ? pairs : mostPairs)),
  ]
}

/** Only the lines asked for, and only the contenders that they need. */
export function selectGroups(chapters: readonly Chapter[], { only }: Options) {
  const isWanted = ({ work }: Goal) => only.length === 0 || only.some((part) => work.includes(part))
  const selected = chapters
    .map((chapter) => ({ ...chapter, goals: chapter.goals.filter(isWanted) }))
    .filter(({ goals }) => goals.length > 0)
  return selected.map(({ goals, ...chapter }) => {
    const figures = goals.flatMap(({ ours, baseline }) => [ours, ...(baseline === undefined ? [] : [baseline])])
    const contenders = [...new Set(figures.flatMap((figure) => figure.of))]
    return { goals, group: { ...chapter, contenders } satisfies Group }
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
    bound: atLeast === undefined ? { kind: 'none' } : { kind: 'ratio', atLeast },
  })
  const cpu = (ours: Contender, atMost?: number): Goal => ({
    work: `${ours.name}: CPU of the server per request`,
    ours: { of: [ours], measure: 'serverMicros' },
    baseline: { of: [echo], measure: 'serverMicros' },
    bound: atMost === undefined ? { kind: 'none' } : { kind: 'ratio', atMost },
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
      bound: { kind: 'value', atMost: 150 },
    },
  ]
}

interface Alone extends ReturnType<typeof createAlone> {
  readonly echo: Contender
  readonly pgbench: Contender
}

function aloneGoals(one: Alone): readonly Goal[] {
  const p50 = (ours: Contender, baseline: readonly Contender[], bound: Bound): Goal => ({
    work: `${ours.name}: p50`,
    ours: { of: [ours], measure: 'p50Ms' },
    baseline: { of: baseline, measure: 'p50Ms' },
    bound,
  })
  return [
    p50(one.invalidate, [one.invalidateStatement, one.echo], { kind: 'ratio', atMost: 1.5 }),
    p50(one.introspect, [one.introspectStatement, one.echo], { kind: 'ratio', atMost: 1.5 }),
    p50(one.invalidate, [one.pgbench], { kind: 'none' }),
  ]
}

type Grown = ReturnType<typeof createGrown>

function growthGoals(small: Grown, large: Grown): readonly Goal[] {
  return (['invalidate', 'introspect'] as const).map((verb) => ({
    work: `growth: time of ${large[verb].name}`,
    ours: { of: [large[verb]], measure: 'p50Ms' },
    baseline: { of: [small[verb]], measure: 'p50Ms' },
    bound: { kind: 'ratio', atMost: 1.3 },
  }))
}

function listGoals({ first, hundredth }: ReturnType<typeof createSessionPages>): readonly Goal[] {
  return [
    {
      work: 'lists: page 100 of a realm’s sessions',
      ours: { of: [hundredth], measure: 'p50Ms' },
      baseline: { of: [first], measure: 'p50Ms' },
      bound: { kind: 'ratio', atMost: 1.3 },
    },
  ]
}

function retentionGoals({ without, during }: ReturnType<typeof createRetention>): readonly Goal[] {
  return [
    {
      work: 'retention: p99 beside it',
      ours: { of: [during], measure: 'p99Ms' },
      baseline: { of: [without], measure: 'p99Ms' },
      bound: { kind: 'ratio', atMost: 1.2 },
    },
  ]
}

function realmChapter(realm: ReturnType<typeof createRealmWide>, pairs: number): Chapter {
  const { single, sweep, sweepOfSome, flagging } = realm
  const isLarge = pairs > 1_000_000
  const counts = (of: Contender): Goal => ({
    work: `${of.name}: exact counts`,
    ours: { of: [of], measure: 'countsMs' },
    bound: { kind: 'value', atMost: isLarge ? 1500 : 150 },
  })
  const effect: Figure = { of: [sweep], measure: 'effectMs' }
  const all: readonly Goal[] = [
    {
      work: `${sweep.name}: until it holds`,
      ours: effect,
      baseline: { of: [single], measure: 'effectMs' },
      bound: { kind: 'ratio', atMost: 2 },
    },
    counts(sweep),
    counts(sweepOfSome),
    {
      work: `${sweep.name}: against flagging each`,
      ours: effect,
      baseline: { of: [flagging], measure: 'effectMs' },
      bound: { kind: 'speedup', atLeast: 50 },
    },
  ]
  // Ten million flags take minutes and tens of gigabytes; one million make the point.
  return {
    name: `a realm of ${pairs.toLocaleString('en')} pairs`,
    mostRounds: 5,
    goals: isLarge ? all.slice(0, 3) : all,
  }
}

function storageGoals(storage: Contender): readonly Goal[] {
  const ours: Figure = { of: [storage], measure: 'bytes' }
  return [{ work: 'storage: a live pair, indexes included', ours, bound: { kind: 'value', atMost: 260 } }]
}
