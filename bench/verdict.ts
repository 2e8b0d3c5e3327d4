import type { Measure } from './contender.ts'
import type { Figure, Goal, Requirement } from './goals.ts'
import { overRounds, type Results } from './rounds.ts'

/** A line of the table, as printed text. */
export interface Verdict {
  readonly work: string
  readonly ours: string
  readonly baseline: string
  readonly ratio: string
  readonly goal: string
  /** Undefined where there is no goal. */
  readonly isMet: boolean | undefined
}

/** Compares the printed numbers, which are medians over the rounds. */
export function judge(goal: Goal, results: Results): Verdict {
  const ours = figureOf(goal.ours, results)
  const baseline = goal.baseline && figureOf(goal.baseline, results)
  const ratio =
    baseline === undefined ? undefined : goal.requirement.kind === 'speedup' ? baseline / ours : ours / baseline
  return {
    work: goal.work,
    ours: write(ours, goal.ours.measure),
    baseline: goal.baseline ? `${write(baseline, goal.baseline.measure)} (${nameOf(goal.baseline)})` : '',
    ratio: ratio === undefined ? '' : `${ratio.toFixed(ratio < 20 ? 2 : 0)} ×`,
    goal: writeRequirement(goal.requirement, goal.ours.measure),
    isMet: isMet(goal.requirement, ours, ratio),
  }
}

/** A number with its unit for a reader; empty if there is no number. */
export function write(value: number | undefined, measure: Measure): string {
  if (value === undefined) return ''
  switch (measure) {
    case 'perSecond':
      return `${Math.round(value).toLocaleString('en')}/s`
    case 'p50Ms':
    case 'p99Ms':
    case 'effectMs':
    case 'countsMs':
    case 'startMs':
    case 'cpuMs':
    case 'pauseMs':
      return value < 1000 ? `${value.toPrecision(3)} ms` : `${(value / 1000).toFixed(1)} s`
    case 'serverMicros':
    case 'postgresMicros':
      return `${Math.round(value)} µs`
    case 'nanos':
      return `${Math.round(value)} ns`
    case 'frameMicros':
      return `${value.toPrecision(3)} µs`
    case 'bytesEach':
      return `${value.toFixed(2)} bytes`
    case 'heldMb':
      return `${value.toFixed(2)} MB`
    case 'peakMb':
      return `${Math.round(value)} MB`
    case 'bytes':
      return `${Math.round(value).toLocaleString('en')} bytes`
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

function writeRequirement(requirement: Requirement, measure: Measure): string {
  switch (requirement.kind) {
    case 'ratio':
      return requirement.atLeast === undefined ? `≤ ${requirement.atMost} ×` : `≥ ${requirement.atLeast} ×`
    case 'speedup':
      return `≥ ${requirement.atLeast} × faster`
    case 'value':
      return `≤ ${write(requirement.atMost, measure)}`
    case 'none':
      return ''
    default:
      return requirement satisfies never
  }
}

function isMet(requirement: Requirement, ours: number, ratio = Number.NaN): boolean | undefined {
  switch (requirement.kind) {
    case 'ratio':
      return ratio >= (requirement.atLeast ?? 0) && ratio <= (requirement.atMost ?? Number.POSITIVE_INFINITY)
    case 'speedup':
      return ratio >= requirement.atLeast
    case 'value':
      return ours <= requirement.atMost
    case 'none':
      return undefined
    default:
      return requirement satisfies never
  }
}
