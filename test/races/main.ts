import build from '../support/build.ts'
import { readOptions } from './options.ts'
import { runRaces, type Tally } from './run.ts'

build()

/** `npm run races`: ends with 1 if the referee found anything. Against `naive`, `careful` and `unlocked` it does. */
const options = readOptions(process.argv.slice(2))
const start = performance.now()
const overwrite = process.stdout.isTTY ? '\r\x1b[K' : ''
process.stdout.write(`${options.rounds} rounds against ${options.against}, seed ${options.seed}\n`)

const tally = await runRaces(options, { onRound: showProgress })

process.stdout.write(`${overwrite}${summary(tally)}\n`)
for (const [rule, count] of tally.byRule) process.stdout.write(`  ${rule}: ${count}\n`)
for (const { round, rule, evidence } of tally.spoiled.slice(0, 10))
  process.stdout.write(`  round ${round}, ${rule}: ${evidence}\n`)
process.exitCode = tally.spoiled.length === 0 ? 0 : 1

/** On a terminal one line that is overwritten; in a log one for every hundred rounds. */
function showProgress(now: Tally): void {
  if (process.stdout.isTTY) process.stdout.write(`${overwrite}${summary(now)}`)
  else if (now.rounds % 100 === 0) process.stdout.write(`${summary(now)}\n`)
}

function summary({ rounds, operations, halves, survivors, spoiled }: Tally): string {
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  return `${rounds} rounds, ${operations} operations, ${halves} halves (${survivors} outlived the storm), ${spoiled.length} rounds with violations, ${seconds} s`
}
