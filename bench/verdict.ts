import type { Measure } from './contender.ts'
import type { Bound, Figure, Goal } from './goals.ts'
import { overRounds, type Results } from './rounds.ts'

/** A line of the table, in words. */
export interface Verdict {
  readonly work: string
  readonly ours: string
  readonly baseline: string
  readonly ratio: string
  readonly goal: string
  /** Undefined where there is no goal. */
  readonly isMet: boolean | undefined
}

/** Ratios are ratios of the numbers shown: medians over the rounds. */
export function judge(goal: Goal, results: Results): Verdict {
  const ours = figureOf(goal.ours, results)
  const baseline = goal.baseline && figureOf(goal.baseline, results)
  const ratio = baseline === undefined ? undefined : goal.bound.kind === 'speedup' ? baseline / ours : ours / baseline
  return {
    work: goal.work,
    ours: write(ours, goal.ours.measure),
    baseline: goal.baseline ? `${write(baseline, goal.baseline.measure)} (${nameOf(goal.baseline)})` : '',
    ratio: ratio === undefined ? '' : `${ratio.toFixed(ratio < 20 ? 2 : 0)} ×`,
    goal: writeBound(goal.bound, goal.ours.measure),
    isMet: isMet(goal.bound, ours, ratio),
  }
}

/** A number with its unit, as people read it; nothing if there is none. */
export function write(value: number | undefined, measure: Measure): string {
  if (value === undefined) return ''
  switch (measure) {
    case 'perSecond':
      return `${Math.round(value).toLocaleString('en')}/s`
    case 'p50Ms':
    case 'p99Ms':
    case 'effectMs':
    case 'countsMs':
      return value < 1000 ? `${value.toPrecision(3)} ms` : `${(value / 1000).toFixed(1)} s`
    case 'serverMicros':
    case 'postgresMicros':
      return `${Math.round(value)} µs`
    case 'peakMb':
      return `${Math.round(value)} MB`
    case 'bytes':
      return `${Math.round(value)} bytes`
    default:
      return measure satisfies never
  }
}

function figureOf({ of, measure }: Figure, results: Results): number {
  const values = of.map(({ name }) => overRounds(results.get(name) ?? [], measure) ?? Number.NaN)
  return measure === 'peakMb' ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0)
}

function nameOf({ of }: Figure): string {
  return of.map(({ name }) => name).join(' + ')
}

function writeBound(bound: Bound, measure: Measure): string {
  switch (bound.kind) {
    case 'ratio':
      return bound.atLeast === undefined ? `≤ ${bound.atMost} ×` : `≥ ${bound.atLeast} ×`
    case 'speedup':
      return `≥ ${bound.atLeast} × faster`
    case 'value':
      return `≤ ${write(bound.atMost, measure)}`
    case 'none':
      return ''
    default:
      return bound satisfies never
  }
}

function isMet(bound: Bound, ours: number, ratio = Number.NaN): boolean | undefined {
  switch (bound.kind) {
    case 'ratio':
      return ratio >= (bound.atLeast ?? 0) && ratio <= (bound.atMost ?? Number.POSITIVE_INFINITY)
    case 'speedup':
      return ratio >= bound.atLeast
    case 'value':
      return ours <= bound.atMost
    case 'none':
      return undefined
    default:
      return bound satisfies never
  }
}
