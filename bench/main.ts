import { mkdtempSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../scripts/lib/postgres.ts'
import { openCleaner } from '../scripts/lib/processes.ts'
import type { Sample } from './contender.ts'
import { createChapters, selectGroups } from './goals.ts'
import { buildServers } from './load/build.ts'
import { describeMachine } from './machine.ts'
import { type Options, readOptions } from './options.ts'
import { writeProfile } from './profile.ts'
import { createProgress } from './progress.ts'
import { type Report, writeJson, writeReport } from './report.ts'
import { runGroup } from './rounds.ts'
import { type Closing, createClosing, type Stage } from './stage.ts'
import { judge, type Verdict } from './verdict.ts'

/**
 * Measures the service side by side with what it is compared to, each in a process of its own, all on one PostgreSQL
 * that is started for it. A wrong answer anywhere ends it with an error: a fast wrong answer is worth nothing.
 */

const closing = createClosing()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void closing.close().finally(() => process.exit(130)))

const results = new Map<string, readonly Sample[]>()
const verdicts: Verdict[] = []
try {
  const options = readOptions(process.argv.slice(2))
  const machine = describeMachine()
  await run(options).catch(fail)
  await closing.close()
  await print({ machine, settings: describe(options), verdicts, results }, options)
} catch (error) {
  fail(error)
} finally {
  await closing.close()
}

function fail(error: unknown): void {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

/** Stops at the first failure; what was measured until then is kept. */
async function run(options: Options): Promise<void> {
  const stage = await openStage(options)
  for (const { group, goals } of selectGroups(createChapters(stage), options)) {
    const ofGroup = await runGroup(group, stage)
    for (const [name, samples] of ofGroup) results.set(name, samples)
    verdicts.push(...goals.map((goal) => judge(goal, ofGroup)))
  }
  stage.progress.end()
}

async function print(report: Report, { markdown, jsonFile, profileFolder }: Options): Promise<void> {
  if (verdicts.length > 0) process.stdout.write(`\n${writeReport(report, markdown ? 'markdown' : 'text')}`)
  if (jsonFile !== undefined) await writeFile(jsonFile, writeJson(report))
  if (profileFolder !== undefined) process.stdout.write(`\n${await writeProfile(profileFolder)}`)
}

async function openStage(options: Options): Promise<Stage> {
  const progress = createProgress()
  progress.say('building the service')
  buildServers()
  const folder = mkdtempSync(join(tmpdir(), 'invalidate-token-bench-'))
  closing.keep({ close: openCleaner(folder).clean })
  progress.say('starting PostgreSQL')
  const postgres = await openPostgres(closing)
  return { options, postgres, progress, folder, keep: closing.keep }
}

/** Durable as by default; with room enough that no checkpoint falls into the rounds of one contender only. */
async function openPostgres({ keep }: Closing) {
  const postgres = await startPostgres({
    settings: {
      fsync: 'on',
      synchronous_commit: 'on',
      shared_buffers: '1GB',
      max_wal_size: '4GB',
      checkpoint_timeout: '30min',
      max_connections: '300',
    },
  })
  keep({ close: () => postgres.stop() })
  return postgres
}

function describe({ rounds, seconds, pairs }: Options): string {
  return `Medians of ${rounds} interleaved rounds of ${seconds} s on ${pairs.toLocaleString('en')} live pairs.`
}
