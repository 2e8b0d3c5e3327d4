import build from '../support/build.ts'
import { playGuardCampaign } from './guard.ts'
import { readOptions } from './options.ts'

/** `npm run campaign -- guard`: exits with 1 if a violation is found. Of a control it must be found. */
const { runs, seed, isControl } = readOptions(['crash', ...process.argv.slice(3)])
build()
const startedAt = performance.now()
const what = isControl
  ? 'control: a guard that lets tokens pass while it knows too little'
  : 'a guard is cut from its service, or that from its database; either is stopped or killed'
process.stdout.write(`guard, ${what}\n${runs} runs, seed ${seed}\n`)

const tally = await playGuardCampaign({
  runs,
  seed,
  isControl,
  onRun: (done) => {
    if ((done.runs + 1) % 10 === 0) process.stdout.write(`${done.runs + 1} `)
  },
})

const { evidence, ...counts } = tally
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
process.stdout.write(`\n${tally.runs} runs in ${seconds} s: ${JSON.stringify(counts)}\n`)
for (const line of evidence.slice(0, 20)) process.stdout.write(`  ${line}\n`)
process.exitCode = evidence.length === 0 ? 0 : 1
