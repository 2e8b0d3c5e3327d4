import { expect, test } from 'vitest'
import type { Comparison } from '../../bench/against/comparisons.ts'
import { differ, medianInterval } from '../../bench/against/difference.ts'
import type { Contender, Measure } from '../../bench/contender.ts'

const contender = (name: string): Contender => ({ name, prepare: async () => undefined, run: async () => ({}) })

/** The difference of two sides whose rounds measured these values. */
function differenceOf(measure: Measure, ours: readonly number[], theirs: readonly number[]) {
  const line: Comparison = {
    work: 'a request',
    ours: { of: [contender('ours')], measure },
    baseline: { of: [contender('theirs')], measure },
  }
  const samples = (values: readonly number[]) => values.map((value) => ({ [measure]: value }))
  return differ(line, new Map(Object.entries({ ours: samples(ours), theirs: samples(theirs) })))
}

test('rounds are compared one by one, so a slow round of both sides is no difference', () => {
  const difference = differenceOf('perSecond', [110, 55, 110, 11, 110, 111], [100, 50, 100, 10, 100, 100])

  expect(difference).toEqual({
    work: 'a request',
    ours: '110/s',
    theirs: '100/s',
    ratio: '1.100 ×',
    spread: '1.100 to 1.110',
    verdict: 'better',
  })
})

test('a difference is within noise if one of six rounds contradicts it', () => {
  const difference = differenceOf('p50Ms', [2, 2, 2, 2, 2, 0.9], [1, 1, 1, 1, 1, 1])

  expect(difference.verdict).toBe('within noise')
})

test('more time or CPU is worse, and more answers are better', () => {
  const more = [2, 2, 2, 2, 2, 2]
  const less = [1, 1, 1, 1, 1, 1]

  expect(differenceOf('p50Ms', more, less).verdict).toBe('worse')
  expect(differenceOf('serverMicros', less, more).verdict).toBe('better')
  expect(differenceOf('perSecond', less, more).verdict).toBe('worse')
})

test('five rounds are too few for a verdict', () => {
  expect(differenceOf('perSecond', [2, 2, 2, 2, 2], [1, 1, 1, 1, 1]).verdict).toBe('too few rounds')
})

test('the interval misses the true median in at most 5 % of all runs, for 6 to 200 rounds', () => {
  for (let rounds = 6; rounds <= 200; rounds++) {
    const { low = 0 } = medianInterval(Array.from({ length: rounds }, (_, place) => place + 1)) ?? {}

    expect(low, `${rounds} rounds`).toBeGreaterThan(0)
    expect(2 * chanceOfFewer(low, rounds), `${rounds} rounds`).toBeLessThanOrEqual(0.05)
  }
})

/** The chance that fewer than `most` of `tosses` of a coin are heads. */
function chanceOfFewer(most: number, tosses: number): number {
  let chance = 0.5 ** tosses
  let sum = 0
  for (let heads = 0; heads < most; heads++) {
    sum += chance
    chance *= (tosses - heads) / (heads + 1)
  }
  return sum
}
