import type { Contender, Measure } from '../contender.ts'
import type { BenchContext } from '../context.ts'
import type { Figure, Line, LineGroup } from '../goals.ts'
import { createDatabasesOf } from '../ours/databases.ts'
import { createSingleConnection } from '../ours/one-connection.ts'
import { type Build, checkout } from '../ours/service.ts'
import { createVerbs } from '../ours/throughput.ts'

/** A line that compares this checkout with another build, which is its baseline. */
export interface Comparison extends Line {
  readonly baseline: Figure
}

/**
 * The main measurements, of this checkout and of another build. Both run in the same rounds, one after the other, each
 * on databases of its own that are seeded alike.
 */
export function createComparisons(context: BenchContext, build: Build): readonly LineGroup<Comparison>[] {
  const ours = createSide(context, checkout)
  const theirs = createSide(context, build)
  const pair = (ourContender: Contender, theirContender: Contender): Pair => ({
    work: ourContender.name,
    ours: { ...ourContender, name: `${ourContender.name} (${checkout.name})` },
    theirs: { ...theirContender, name: `${theirContender.name} (${build.name})` },
  })
  const loaded = (['invalidate', 'introspect', 'issue', 'refresh', 'invalidateSession'] as const).map((verb) =>
    pair(ours.verbs[verb], theirs.verbs[verb]),
  )
  const alone = (['invalidate', 'introspect'] as const).map((verb) => pair(ours.alone[verb], theirs.alone[verb]))

  return [
    {
      name: '64 connections',
      lines: [
        ...loaded.map((each) => compare(each, 'answers a second', 'perSecond')),
        ...loaded.map((each) => compare(each, 'CPU of the server per request', 'serverMicros')),
      ],
    },
    { name: 'one connection', lines: alone.map((each) => compare(each, 'p50', 'p50Ms')) },
  ]
}

interface Pair {
  readonly work: string
  readonly ours: Contender
  readonly theirs: Contender
}

function createSide(context: BenchContext, build: Build) {
  const databases = createDatabasesOf(build, context)
  return { verbs: createVerbs(context, databases), alone: createSingleConnection(context, databases) }
}

function compare({ work, ours, theirs }: Pair, what: string, measure: Measure): Comparison {
  return { work: `${work}: ${what}`, ours: { of: [ours], measure }, baseline: { of: [theirs], measure } }
}
