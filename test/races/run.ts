import { startPostgres } from '../../scripts/lib/postgres.ts'
import { createControlTable, withPool } from './control-table.ts'
import { controls } from './controls.ts'
import { addClients, startSubject } from './http.ts'
import type { Options } from './options.ts'
import { createRandom } from './random.ts'
import type { Rule, Violation } from './referee.ts'
import { playRound } from './round.ts'
import type { Subject } from './subject.ts'

export interface Tally {
  readonly rounds: number
  readonly operations: number
  readonly halves: number
  readonly stillValid: number
  /** The first violation of each round that had any. */
  readonly failedRounds: readonly (Violation & { readonly round: number })[]
  readonly byRule: ReadonlyMap<Rule, number>
}

export interface Callbacks {
  /** Called after each round. */
  readonly onRound?: (tally: Tally) => void
  /** Called after each round; true ends the races early. */
  readonly shouldStop?: (tally: Tally) => boolean
}

/** Owners get new names after this many rounds: so they have earlier sessions, but not ever more of them. */
const roundsPerName = 8

/** The service without its locks is a control: the referee must catch its wrong counts. */
const removeLocks = `
  create or replace function lock_names_shared(realms text[], usernames text[]) returns void language plpgsql as 'begin end';
  create or replace function lock_scope(realm text, username text) returns void language plpgsql as 'begin end'`

/** Plays rounds between two processes on one database of a PostgreSQL that is started for it. */
export async function runRaces(options: Options, callbacks: Callbacks = {}): Promise<Tally> {
  const postgres = await startPostgres()
  try {
    const url = await postgres.createDatabase('races')
    if (options.against === 'service' || options.against === 'unlocked')
      return await raceServices(url, options, callbacks)
    await createControlTable(url)
    const createControl = controls[options.against]
    return await withPool(url, (one) =>
      withPool(url, (other) => race([createControl(one), createControl(other)], options, callbacks)),
    )
  } finally {
    await postgres.stop()
  }
}

async function raceServices(url: string, options: Options, callbacks: Callbacks): Promise<Tally> {
  // Both start at the same time, so they race for the migrations, too.
  const subjects = await Promise.all([startSubject(url), startSubject(url)])
  try {
    await addClients(url)
    if (options.against === 'unlocked') await withPool(url, (pool) => pool.query(removeLocks))
    return await race(subjects, options, callbacks)
  } finally {
    await Promise.all(subjects.map(({ service }) => service.end()))
  }
}

async function race(
  subjects: readonly [Subject, Subject],
  { rounds, seed }: Options,
  { onRound, shouldStop }: Callbacks,
): Promise<Tally> {
  const byRule = new Map<Rule, number>()
  const failedRounds: (Violation & { readonly round: number })[] = []
  let tally: Tally = { rounds: 0, operations: 0, halves: 0, stillValid: 0, failedRounds, byRule }
  for (let round = 1; round <= rounds; round++) {
    const namePrefix = `${seed}.${Math.floor(round / roundsPerName)}`
    // Each round has its own seed, so the number of draws in one round does not change the next.
    const result = await playRound(subjects, createRandom(seed + round * 7919), namePrefix)
    const { violations } = result
    for (const { rule } of violations) byRule.set(rule, (byRule.get(rule) ?? 0) + 1)
    if (violations[0] !== undefined) failedRounds.push({ round, ...violations[0] })
    tally = {
      rounds: round,
      operations: tally.operations + result.operations,
      halves: tally.halves + result.halves,
      stillValid: tally.stillValid + result.stillValid,
      failedRounds,
      byRule,
    }
    onRound?.(tally)
    if (shouldStop?.(tally) === true) break
  }
  return tally
}
