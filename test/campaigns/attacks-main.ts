import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import build from '../support/build.ts'
import { type Effect, runAttacks, withoutLimits } from './attacks.ts'

/**
 * `npm run attacks`: what an audit killed the service with, against a service as `npm start` starts it. Exits with 1 if
 * the process does not live, an honest caller is refused, or more than 256 MB are taken above those of the idle service.
 * With `--control`, which takes the limits away, that must happen.
 */
const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    engine: { type: 'string', default: 'embedded' },
    control: { type: 'boolean', default: false },
  },
})
const mostMegabytes = 256
build()
const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-attacks-'))
const postgres = values.engine === 'postgres' ? await startPostgres() : undefined
const environment = postgres === undefined ? { DATA_DIR: join(folder, 'data') } : { DATABASE_URL: postgres.url }
process.stdout.write(`attacks at ${values.scale} times their size, on the ${values.engine} engine\n`)
try {
  const effects = await runAttacks(
    { ...environment, ...(values.control && withoutLimits) },
    { scale: Number(values.scale), onEffect: print },
  )
  const isBad = ({ peakMegabytes, probe, hasDied }: Effect) =>
    hasDied || peakMegabytes > mostMegabytes || probe.failed > 0
  process.exitCode = effects.some(isBad) ? 1 : 0
} finally {
  await postgres?.stop()
  await rm(folder, { recursive: true })
}

function print({ attack, answers, peakMegabytes, probe, hasDied }: Effect): void {
  const found = Object.entries(answers).map(([status, count]) => `${count} × ${status}`)
  process.stdout.write(
    `${attack}: ${found.join(', ')}; ${hasDied ? 'THE SERVICE HAS ENDED' : `+${peakMegabytes} MB`}; honest caller: ${probe.failed} of ${probe.sent} failed, p99 ${probe.p99Ms} ms\n`,
  )
}
