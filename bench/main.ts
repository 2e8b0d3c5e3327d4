import { mkdtempSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../scripts/lib/postgres.ts'
import { openCleaner } from '../scripts/lib/processes.ts'
import { type Comparison, createComparisons } from './against/comparisons.ts'
import { type Difference, differ } from './against/difference.ts'
import { buildRevision, readCommit } from './against/revision.ts'
import type { Sample } from './contender.ts'
import { type BenchContext, type Cleanup, createCleanup } from './context.ts'
import { createGoalGroups, type Goal, type Line, type LineGroup, selectGroups } from './goals.ts'
import { buildServers } from './load/build.ts'
import { describeMachine } from './machine.ts'
import { type Options, readOptions } from './options.ts'
import { writeProfile } from './profile.ts'
import { createProgress } from './progress.ts'
import { type Report, writeJson, writeReport } from './report.ts'
import { type Results, runGroup } from './rounds.ts'
import { judge, type Verdict } from './verdict.ts'

/**
 * Measures the service side by side with what it is compared to: other software, or another revision of itself. Each
 * runs in its own process, all on one PostgreSQL that is started for the benchmark. Any wrong answer ends the benchmark
 * with an error, since the speed of wrong answers means nothing.
 */

const cleanup = createCleanup()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanup.close().finally(() => process.exit(130)))

const results = new Map<string, readonly Sample[]>()
const verdicts: Verdict[] = []
const differences: Difference[] = []
try {
  const options = readOptions(process.argv.slice(2))
  const machine = describeMachine()
  const against = options.against === undefined ? undefined : readCommit(options.against)
  await run(options, against).catch(fail)
  await cleanup.close()
  await print({ machine, settings: describe(options), against, verdicts, differences, results }, options)
} catch (error) {
  fail(error)
} finally {
  await cleanup.close()
}

function fail(error: unknown): void {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

/** Stops at the first failure. What was measured until then is printed. */
async function run(options: Options, against: string | undefined): Promise<void> {
  const context = await openContext(options)
  if (against === undefined) {
    const judgeEach = (goal: Goal, ofGroup: Results) => verdicts.push(judge(goal, ofGroup))
    await runGroups(context, createGoalGroups(context), judgeEach)
  } else {
    const groups = createComparisons(context, buildRevision(context, against))
    const differEach = (line: Comparison, ofGroup: Results) => differences.push(differ(line, ofGroup))
    await runGroups(context, groups, differEach)
  }
  context.progress.end()
}

async function runGroups<Each extends Line>(
  context: BenchContext,
  groups: readonly LineGroup<Each>[],
  report: (line: Each, ofGroup: Results) => unknown,
): Promise<void> {
  for (const { group, lines } of selectGroups(groups, context.options)) {
    const ofGroup = await runGroup(group, context)
    for (const [name, samples] of ofGroup) results.set(name, samples)
    for (const line of lines) report(line, ofGroup)
  }
}

async function print(report: Report, { markdown, jsonFile, profileFolder }: Options): Promise<void> {
  if (verdicts.length + differences.length > 0)
    process.stdout.write(`\n${writeReport(report, markdown ? 'markdown' : 'text')}`)
  if (jsonFile !== undefined) await writeFile(jsonFile, writeJson(report))
  if (profileFolder !== undefined) process.stdout.write(`\n${await writeProfile(profileFolder)}`)
}

async function openContext(options: Options): Promise<BenchContext> {
  const progress = createProgress()
  progress.say('building the service')
  buildServers()
  const folder = mkdtempSync(join(tmpdir(), 'invalidate-token-bench-'))
  cleanup.closeAtEnd({ close: openCleaner(folder).clean })
  progress.say('starting PostgreSQL')
  const postgres = await openPostgres(cleanup)
  return { options, postgres, progress, folder, closeAtEnd: cleanup.closeAtEnd }
}

/** Durable as by default, and with enough WAL space that no checkpoint slows down the rounds of only one contender. */
async function openPostgres({ closeAtEnd }: Cleanup) {
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
  closeAtEnd({ close: () => postgres.stop() })
  return postgres
}

function describe({ rounds, seconds, pairs }: Options): string {
  return `Medians of ${rounds} interleaved rounds of ${seconds} s on ${pairs.toLocaleString('en')} live pairs.`
}
