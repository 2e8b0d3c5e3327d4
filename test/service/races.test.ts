import { expect, test } from 'vitest'
import type { Options } from '../races/options.ts'
import { runRaces } from '../races/run.ts'

/** `npm run races` plays a thousand rounds. Each run has its own seed; a failure prints it. */
const seed = Date.now() % 1e9
const raceAgainst = (subject: Options['against'], rounds: number) =>
  runRaces({ against: subject, rounds, seed }, { shouldStop: ({ failedRounds }) => failedRounds.length > 0 })

test('with two processes on one database, each token is counted once, no covered token survives a sweep, no token ends without a cause, and a refresh token is exchanged for one pair', async () => {
  const tally = await raceAgainst('service', 15)

  expect(tally, `seed ${seed}`).toMatchObject({ rounds: 15, failedRounds: [] })
  expect(tally.halves).toBeGreaterThan(100)
  expect(tally.stillValid).toBeGreaterThan(0)
})

test('the same referee catches a service that selects, checks and then updates', async () => {
  const { failedRounds } = await raceAgainst('naive', 50)

  expect(failedRounds).toHaveLength(1)
})
