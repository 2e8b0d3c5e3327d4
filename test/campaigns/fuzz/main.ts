import { inspect, parseArgs } from 'node:util'
import { PGlite } from '@electric-sql/pglite'
import { startPostgres } from '../../../scripts/lib/postgres.ts'
import { dropEvents } from '../../../src/events/events.ts'
import { embeddedDatabase, migrateEmbedded } from '../../../src/storage/engine/embedded.ts'
import { openDatabase } from '../../../src/storage/engine/open.ts'
import { controls } from './controls.ts'
import { corpus } from './corpus.ts'
import { type FuzzReport, fuzz } from './run.ts'
import { type FuzzService, openFuzzService } from './service.ts'

/**
 * `npm run fuzz`: exits with 1 if an input is found that the service does wrong at. With `--control`, which
 * breaks the service in several ways, such an input must be found for each.
 */
const { values } = parseArgs({
  options: {
    random: { type: 'string', default: '3000' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    engine: { type: 'string', default: 'embedded' },
    control: { type: 'boolean', default: false },
  },
})
const [random, seed] = [Number(values.random), Number(values.seed)]
const startedAt = performance.now()
const { database, close } = await (values.engine === 'postgres' ? openPostgres() : openPglite())
process.stdout.write(`${corpus.length} fixed inputs and ${random} random ones, seed ${seed}, ${values.engine}\n`)
try {
  const service = await openFuzzService(database)
  if (values.control) process.exitCode = (await findsEveryControl(service)) ? 1 : 0
  else print(await fuzz(service, { fixed: corpus, random, seed }))
} finally {
  await close()
}

async function findsEveryControl(service: FuzzService): Promise<boolean> {
  let isEachFound = true
  for (const [name, breaking] of Object.entries(controls)) {
    const report = await fuzz(service, { fixed: corpus, random: 0, seed, send: breaking(service), mostFindings: 1 })
    const [finding] = report.findings
    process.stdout.write(`control: ${name}: ${finding?.faults.join(', ') ?? 'NOT FOUND'}\n`)
    isEachFound &&= finding !== undefined
  }
  return isEachFound
}

function print({ classes, findings }: FuzzReport): void {
  for (const [name, counts] of classes) {
    const total = Object.values(counts).reduce((one, other) => one + other, 0)
    process.stdout.write(
      `${name}: ${total} (${Object.entries(counts)
        .map(([family, count]) => `${count} ${family}`)
        .join(', ')})\n`,
    )
  }
  for (const finding of findings) process.stdout.write(`${inspect(finding, { depth: 5, maxStringLength: 600 })}\n`)
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
  process.stdout.write(`${findings.length} findings in ${seconds} s\n`)
  if (findings.length > 0) process.exitCode = 1
}

async function openPglite() {
  const engine = await PGlite.create()
  await migrateEmbedded(engine)
  const database = embeddedDatabase(engine, {
    description: 'PGlite in memory',
    emit: dropEvents,
    release: async () => {},
  })
  return { database, close: () => database.close() }
}

async function openPostgres() {
  const postgres = await startPostgres()
  const url = await postgres.createDatabase('fuzz')
  const database = await openDatabase({ kind: 'postgres', url, directUrl: url })
  return {
    database,
    close: async () => {
      await database.close()
      await postgres.stop()
    },
  }
}
