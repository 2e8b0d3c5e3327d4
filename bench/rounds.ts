import type { Contender, Group, Measure, Sample } from './contender.ts'
import type { Options } from './options.ts'
import type { Progress } from './progress.ts'

/** All rounds of all contenders, by the contender's name. */
export type Results = ReadonlyMap<string, readonly Sample[]>

const warmUpSeconds = 1

/**
 * Runs a group: each contender once as a warm-up, then each once in every round, every other round in reverse order.
 * Anything that slows this machine down for a while then slows all contenders alike.
 */
export async function runGroup(
  group: Group,
  { options, progress }: { readonly options: Options; readonly progress: Progress },
): Promise<Results> {
  const rounds = Math.min(options.rounds, group.mostRounds ?? options.rounds)
  const results = new Map<string, Sample[]>(group.contenders.map(({ name }) => [name, []]))
  for (const contender of group.contenders) {
    progress.say(`${group.name}: preparing ${contender.name}`)
    await contender.prepare()
  }
  for (const contender of group.contenders) {
    progress.say(`${group.name}: warming up ${contender.name}`)
    await contender.run(warmUpSeconds)
  }
  for (let round = 1; round <= rounds; round++)
    for (const contender of round % 2 === 1 ? group.contenders : group.contenders.toReversed()) {
      progress.say(`${group.name}: round ${round} of ${rounds}: ${contender.name}${lastOf(results, contender)}`)
      results.get(contender.name)?.push(await contender.run(options.seconds))
    }
  return results
}

/** A measure over all rounds: the median, or for peak memory the maximum. Undefined if no round measured it. */
export function overRounds(samples: readonly Sample[], measure: Measure): number | undefined {
  const values = samples.flatMap((sample) => sample[measure] ?? [])
  return measure === 'peakMb' ? values.toSorted((one, other) => other - one)[0] : median(values)
}

export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((one, other) => one - other)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}

function lastOf(results: ReadonlyMap<string, readonly Sample[]>, { name }: Contender): string {
  const rate = results.get(name)?.at(-1)?.perSecond
  return rate === undefined ? '' : ` (${Math.round(rate)}/s in the last)`
}
