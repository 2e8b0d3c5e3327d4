import type { Measure } from '../contender.ts'
import type { Figure } from '../goals.ts'
import { median, type Results } from '../rounds.ts'
import { write } from '../verdict.ts'
import type { Comparison } from './comparisons.ts'

/** A line of the table of a comparison, as printed text. */
export interface Difference {
  readonly work: string
  readonly ours: string
  readonly theirs: string
  readonly ratio: string
  readonly spread: string
  readonly verdict: string
}

/**
 * Compares both sides round by round: the ratio is the median of the rounds' ratios, ours divided by theirs. What slows
 * the machine down for a whole round slows both sides, so it changes their ratio less than their numbers.
 */
export function differ({ work, ours, baseline }: Comparison, results: Results): Difference {
  const ourValues = valuesOf(ours, results)
  const theirValues = valuesOf(baseline, results)
  const ratios = ourValues.map((value, round) => value / (theirValues[round] ?? Number.NaN))
  const interval = medianInterval(ratios)
  const { low, high } = interval ?? { low: Math.min(...ratios), high: Math.max(...ratios) }
  return {
    work,
    ours: write(median(ourValues), ours.measure),
    theirs: write(median(theirValues), baseline.measure),
    ratio: `${(median(ratios) ?? Number.NaN).toFixed(3)} ×`,
    spread: `${low.toFixed(3)} to ${high.toFixed(3)}`,
    verdict: interval === undefined ? 'too few rounds' : judgeInterval(interval, ours.measure),
  }
}

interface Interval {
  readonly low: number
  readonly high: number
}

/**
 * The interval that contains the true median with a confidence of at least 95 %, whatever the distribution: between the
 * k-th smallest and the k-th greatest value. Undefined for fewer than 6 values, which allow no such confidence.
 *
 * The number of values below the true median is binomial: its mean is n / 2, and 1.96 of its standard deviations are
 * 0.98 √n. So for 6 to 8 values k is 1, for 9 to 11 it is 2.
 */
export function medianInterval(values: readonly number[]): Interval | undefined {
  const sorted = values.toSorted((one, other) => one - other)
  const k = Math.floor((sorted.length + 1) / 2 - 0.98 * Math.sqrt(sorted.length))
  const [low, high] = [sorted[k - 1], sorted[sorted.length - k]]
  return low === undefined || high === undefined ? undefined : { low, high }
}

/** A higher number is better only for answers a second. */
function judgeInterval({ low, high }: Interval, measure: Measure): string {
  if (low <= 1 && high >= 1) return 'within noise'
  return low > 1 === (measure === 'perSecond') ? 'better' : 'worse'
}

/** A figure in each round. */
function valuesOf({ of, measure }: Figure, results: Results): readonly number[] {
  const samples = of.map(({ name }) => results.get(name) ?? [])
  const rounds = Math.min(...samples.map(({ length }) => length))
  return Array.from({ length: rounds }, (_, round) =>
    samples.reduce((sum, ofContender) => sum + (ofContender[round]?.[measure] ?? Number.NaN), 0),
  )
}
