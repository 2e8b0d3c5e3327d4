import build from '../support/build.ts'
import { readOptions } from './options.ts'
import { runRaces, type Tally } from './run.ts'

build()

/** `npm run races`: exits with 1 if the referee finds a violation, which it does against all but the service. */
const options = readOptions(process.argv.slice(2))
const start = performance.now()
const overwrite = process.stdout.isTTY ? '\r\x1b[K' : ''
process.stdout.write(`${options.rounds} rounds against ${options.against}, seed ${options.seed}\n`)

const tally = await runRaces(options, { onRound: showProgress })

process.stdout.write(`${overwrite}${summary(tally)}\n`)
for (const [rule, count] of tally.byRule) process.stdout.write(`  ${rule}: ${count}\n`)
for (const { round, rule, evidence } of tally.failedRounds.slice(0, 10))
  process.stdout.write(`  round ${round}, ${rule}: ${evidence}\n`)
process.exitCode = tally.failedRounds.length === 0 ? 0 : 1

/** On a terminal, overwrites one line; in a log, prints a line after every hundred rounds. */
function showProgress(now: Tally): void {
  if (process.stdout.isTTY) process.stdout.write(`${overwrite}${summary(now)}`)
  else if (now.rounds % 100 === 0) process.stdout.write(`${summary(now)}\n`)
}

function summary({ rounds, operations, halves, stillValid, failedRounds }: Tally): string {
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  return `${rounds} rounds, ${operations} operations, ${halves} halves (${stillValid} still valid after the concurrent phase), ${failedRounds.length} rounds with violations, ${seconds} s`
}
