import { createRandom, type Random } from '../races/random.ts'
import type { Subject } from '../races/subject.ts'
import { checkResurrection, checkRun, countViolations, createTally, report, type Tally } from './ledger.ts'
import { startLoad } from './load.ts'

/** What a campaign works on. */
interface Rig {
  /** The service, as it can be reached now. */
  subject(): Subject
  /** Breaks something while the load runs. */
  disturb(random: Random): Promise<void>
  /** Makes all work again. */
  recover(): Promise<void>
  close(): Promise<void>
}

export interface Campaign {
  readonly description: string
  /** What is taken away from the product for the control, which must find violations. */
  readonly control: string
  /** Whether each operation must have a known outcome. */
  readonly allKnown?: boolean
  /** Whether the recovery ends every login: then only what was ended before is judged. */
  readonly endsAll?: boolean
  open(options: { readonly isControl: boolean }): Promise<Rig>
}

export interface RunOptions {
  readonly runs: number
  readonly seed: number
  readonly isControl: boolean
  /** How many operations are acknowledged in a run before the disturbance, at most. */
  readonly operations: number
  /** Stop after the first run that finds a violation: enough for a control. */
  readonly stopsAtViolation?: boolean
  readonly onRun?: (tally: Tally) => void
}

/** At the end, tokens that were invalid in an earlier run are asked again: the last of them. */
const mostRechecked = 5_000

/**
 * Plays the runs of a campaign: load, a disturbance in the middle of it, recovery, and then every acknowledged operation
 * is checked. All choices come from the seed; what runs at the same time as what does not.
 */
export async function playCampaign(campaign: Campaign, options: RunOptions): Promise<Tally> {
  const { runs, seed, isControl, operations, stopsAtViolation = false, onRun } = options
  const random = createRandom(seed)
  const tally = createTally()
  const invalid: string[] = []
  const rig = await campaign.open({ isControl })
  try {
    for (; tally.runs < runs; tally.runs++) {
      const unknownBefore = tally.unknown
      const load = startLoad(rig.subject(), random, tally)
      await load.acknowledged(random.between(Math.ceil(operations / 2), operations))
      await rig.disturb(random)
      const records = await load.stop()
      const recoversAt = performance.now()
      await rig.recover()
      await rig.subject().isActive('no token')
      tally.recoveryMs.push(performance.now() - recoversAt)
      if (campaign.allKnown && tally.unknown > unknownBefore)
        report(tally, 'unexpectedUnknown', `${tally.unknown - unknownBefore} operations`)
      const judged = campaign.endsAll ? records.filter(({ ended }) => ended?.isAcknowledged) : records
      invalid.push(...(await checkRun(rig.subject(), judged, tally)))
      onRun?.(tally)
      if (stopsAtViolation && countViolations(tally) > 0) break
    }
    await checkResurrection(rig.subject(), invalid.slice(-mostRechecked), tally)
  } finally {
    await rig.close()
  }
  return tally
}
