import build from '../support/build.ts'
import { type Campaign, playCampaign } from './campaign.ts'
import { campaigns } from './campaigns.ts'
import { countViolations, type Tally, violations } from './ledger.ts'
import { readOptions } from './options.ts'

/** `npm run campaign`: exits with 1 if a violation is found. Of a control it must be found. */
const options = readOptions(process.argv.slice(2))
build()
const campaign: Campaign = campaigns[options.name]
const startedAt = performance.now()
const what = options.isControl ? `control: ${campaign.control}` : campaign.description
process.stdout.write(`${options.name}, ${what}\n${options.runs} runs, seed ${options.seed}\n`)

const tally = await playCampaign(campaign, { ...options, onRun: showProgress })

process.stdout.write(`\n${summary(tally)}\n`)
for (const line of tally.evidence.slice(0, 20)) process.stdout.write(`  ${line}\n`)
process.exitCode = countViolations(tally) === 0 ? 0 : 1

function showProgress({ runs }: Tally): void {
  if ((runs + 1) % 10 === 0) process.stdout.write(`${runs + 1} `)
}

function summary(found: Tally): string {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  const counts = violations.map((name) => `${name} ${found[name]}`).join(', ')
  // With no failure in n operations, the rate of failures is below 3/n with 95 % confidence.
  const bound = ((3 / found.acknowledged) * 100).toFixed(3)
  const recovery = found.recoveryMs.toSorted((one, other) => one - other)
  const ms = (share: number) => recovery[Math.floor((recovery.length - 1) * share)]?.toFixed(0) ?? '-'
  return `${found.runs} runs in ${seconds} s: ${found.acknowledged} acknowledged, ${found.unknown} unknown, ${found.refused} refused
${counts}; with none of a kind, its rate is below ${bound} % (95 %)
recovered in ${ms(0.5)} ms (median), ${ms(1)} ms (longest)`
}
