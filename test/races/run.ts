import { startPostgres } from '../../scripts/lib/postgres.ts'
import type { Contestant } from './contestant.ts'
import { startContestant } from './http.ts'
import type { Options } from './options.ts'
import { createRandom } from './random.ts'
import type { Rule, Violation } from './referee.ts'
import { createRivalTable, withPool } from './rival-table.ts'
import { rivals } from './rivals.ts'
import { playRound } from './round.ts'

export interface Tally {
  readonly rounds: number
  readonly operations: number
  readonly halves: number
  readonly survivors: number
  /** The first of each round in which there was one. */
  readonly spoiled: readonly (Violation & { readonly round: number })[]
  readonly byRule: ReadonlyMap<Rule, number>
}

export interface Watch {
  /** Called after each round. */
  readonly onRound?: (tally: Tally) => void
  /** Asked after each round; ends the races early. */
  readonly isEnough?: (tally: Tally) => boolean
}

/** Names change after so many rounds: an owner has a past, but not an endless one. */
const roundsPerName = 8

/** A control: whoever leaves out the locks must be caught counting wrong. */
const unlocking = `
  create or replace function lock_names_shared(realms text[], usernames text[]) returns void language plpgsql as 'begin end';
  create or replace function lock_scope(realm text, username text) returns void language plpgsql as 'begin end'`

/** Plays rounds between two processes on one database of a PostgreSQL that is started for it. */
export async function runRaces(options: Options, watch: Watch = {}): Promise<Tally> {
  const postgres = await startPostgres()
  try {
    const url = await postgres.createDatabase('races')
    if (options.against === 'service' || options.against === 'unlocked') return await raceService(url, options, watch)
    await createRivalTable(url)
    const createRival = rivals[options.against]
    return await withPool(url, (one) =>
      withPool(url, (other) => race([createRival(one), createRival(other)], options, watch)),
    )
  } finally {
    await postgres.stop()
  }
}

async function raceService(url: string, options: Options, watch: Watch): Promise<Tally> {
  // Both at once: they race for the migrations, too.
  const contestants = await Promise.all([startContestant(url), startContestant(url)])
  try {
    if (options.against === 'unlocked') await withPool(url, (pool) => pool.query(unlocking))
    return await race(contestants, options, watch)
  } finally {
    await Promise.all(contestants.map(({ service }) => service.end()))
  }
}

async function race(
  contestants: readonly [Contestant, Contestant],
  { rounds, seed }: Options,
  { onRound, isEnough }: Watch,
): Promise<Tally> {
  const byRule = new Map<Rule, number>()
  const spoiled: (Violation & { readonly round: number })[] = []
  let tally: Tally = { rounds: 0, operations: 0, halves: 0, survivors: 0, spoiled, byRule }
  for (let round = 1; round <= rounds; round++) {
    const names = `${seed}.${Math.floor(round / roundsPerName)}`
    // A seed of its own for each round, so that how many numbers one draws changes nothing for the next.
    const result = await playRound(contestants, createRandom(seed + round * 7919), names)
    const { violations } = result
    for (const { rule } of violations) byRule.set(rule, (byRule.get(rule) ?? 0) + 1)
    if (violations[0] !== undefined) spoiled.push({ round, ...violations[0] })
    tally = {
      rounds: round,
      operations: tally.operations + result.operations,
      halves: tally.halves + result.halves,
      survivors: tally.survivors + result.survivors,
      spoiled,
      byRule,
    }
    onRound?.(tally)
    if (isEnough?.(tally) === true) break
  }
  return tally
}
