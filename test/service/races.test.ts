import { expect, test } from 'vitest'
import type { Options } from '../races/options.ts'
import { runRaces } from '../races/run.ts'

/** `npm run races` plays a thousand rounds. Each run has a seed of its own, told when it fails. */
const seed = Date.now() % 1e9
const against = (who: Options['against'], rounds: number) =>
  runRaces({ against: who, rounds, seed }, { isEnough: ({ spoiled }) => spoiled.length > 0 })

test('two processes race: each half is counted once, nothing escapes a sweep, nothing dies without cause nor by a sweep that spares it, a refresh token buys one pair', async () => {
  const tally = await against('service', 15)

  expect(tally, `seed ${seed}`).toMatchObject({ rounds: 15, spoiled: [] })
  expect(tally.halves).toBeGreaterThan(100)
  expect(tally.survivors).toBeGreaterThan(0)
})

test('the same referee catches who selects, checks and updates', async () => {
  const { spoiled } = await against('naive', 50)

  expect(spoiled).toHaveLength(1)
})
