import type { Contender, Measure } from '../contender.ts'
import type { BenchContext } from '../context.ts'
import type { Goal, LineGroup, Requirement } from '../goals.ts'
import type { TokenDatabases } from '../ours/databases.ts'
import { createSingleConnection } from '../ours/one-connection.ts'
import { createKnownToken, createQuestion, hashToken } from './judging.ts'
import { createMemory, setOfNumbers, setOfStrings } from './memory.ts'
import { createPropagation } from './propagation.ts'
import { createSnapshots } from './snapshot.ts'
import { turnover } from './turnover.ts'

/** The lines of the guard, each beside what it is to be compared with. */
export function createGuardGroups(context: BenchContext, databases: TokenDatabases): readonly LineGroup<Goal>[] {
  return [
    { name: 'guard', lines: judgingGoals() },
    { name: 'guard and introspection', lines: introspectionGoals(context, databases), mostRounds: 3 },
    { name: 'guard memory', lines: memoryGoals(), mostRounds: 1 },
    { name: 'guard turnover', lines: turnoverGoals(), mostRounds: 3 },
    { name: 'guard snapshot', lines: snapshotGoals(context, databases), mostRounds: 3 },
    { name: 'guard propagation', lines: propagationGoals(context, databases) },
  ]
}

const value = (of: Contender, what: string, measure: Measure, atMost: number): Goal => ({
  work: `${of.name}: ${what}`,
  ours: { of: [of], measure },
  requirement: { kind: 'value', atMost },
})

const beside = (
  ours: Contender,
  baseline: Contender,
  { what, measure, requirement }: { what: string; measure: Measure; requirement: Requirement },
): Goal => ({
  work: `${ours.name}: ${what}`,
  ours: { of: [ours], measure },
  baseline: { of: [baseline], measure },
  requirement,
})

const atMost = (limit: number): Requirement => ({ kind: 'ratio', atMost: limit })

function judgingGoals(): readonly Goal[] {
  const call = (ours: Contender, limit: number) =>
    beside(ours, hashToken, { what: 'a call', measure: 'nanos', requirement: atMost(limit) })
  return [call(createKnownToken(), 5), ...[10_000, 1_000_000, 5_000_000].map((size) => call(createQuestion(size), 1.1))]
}

function introspectionGoals(context: BenchContext, databases: TokenDatabases): readonly Goal[] {
  const { introspect } = createSingleConnection(context, databases)
  const requirement: Requirement = { kind: 'speedup', atLeast: 50 }
  return [beside(createKnownToken(), introspect, { what: 'instead of asking', measure: 'p50Ms', requirement })]
}

function memoryGoals(): readonly Goal[] {
  const each = (spacing: number, limit: number, baseline: Contender) => {
    const memory = createMemory(spacing)
    return [
      value(memory, 'each', 'bytesEach', limit),
      beside(memory, baseline, { what: 'beside a Set', measure: 'bytesEach', requirement: { kind: 'none' } }),
    ]
  }
  return [...each(100, 10, setOfStrings), ...each(10, 3, setOfNumbers), ...each(2, 1, setOfNumbers)]
}

function turnoverGoals(): readonly Goal[] {
  return [value(turnover, 'longest pause', 'pauseMs', 5), value(turnover, 'memory kept', 'heldMb', 1)]
}

function snapshotGoals(context: BenchContext, databases: TokenDatabases): readonly Goal[] {
  const snapshot = createSnapshots(context, databases)
  const [one, hundred] = [snapshot(1), snapshot(100)]
  return [
    value(one, 'until it follows', 'startMs', 2_000),
    value(one, 'bytes on the wire', 'bytes', 2_000_000),
    value(one, 'CPU of the service', 'cpuMs', 500),
    beside(hundred, one, { what: 'CPU of the service', measure: 'cpuMs', requirement: { kind: 'none' } }),
    beside(hundred, one, { what: 'until all follow', measure: 'startMs', requirement: { kind: 'none' } }),
  ]
}

function propagationGoals(context: BenchContext, databases: TokenDatabases): readonly Goal[] {
  const { guards, generally, selectOne } = createPropagation(context, databases)
  const contenders = [1, 20, 100].map(guards)
  const general = generally(100)
  return [
    ...contenders.flatMap((each) => [
      value(each, 'p50', 'p50Ms', 3),
      value(each, 'p99', 'p99Ms', 10),
      beside(each, selectOne, { what: 'p50', measure: 'p50Ms', requirement: { kind: 'none' } }),
    ]),
    ...contenders
      .slice(2)
      .map((each) =>
        beside(each, general, { what: 'CPU a frame and guard', measure: 'frameMicros', requirement: atMost(0.2) }),
      ),
  ]
}
