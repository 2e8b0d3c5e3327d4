import type { Measure } from './contender.ts'
import type { Machine } from './machine.ts'
import { overRounds, type Results } from './rounds.ts'
import { type Verdict, write } from './verdict.ts'

export interface Report {
  readonly machine: Machine
  readonly settings: string
  readonly verdicts: readonly Verdict[]
  readonly results: Results
}

const columns: Readonly<Record<string, Measure>> = {
  'answers a second': 'perSecond',
  p50: 'p50Ms',
  p99: 'p99Ms',
  'server CPU each': 'serverMicros',
  'Postgres CPU each': 'postgresMicros',
  'server’s peak memory': 'peakMb',
}

/** Both tables, and the line that says on what machine they were measured. */
export function writeReport(report: Report, format: 'text' | 'markdown'): string {
  const table = format === 'markdown' ? markdownTable : textTable
  const goals = [
    ['work', 'ours', 'baseline', 'ratio', 'goal', 'met'],
    ...report.verdicts.map((one) => [one.work, one.ours, one.baseline, one.ratio, one.goal, writeMet(one.isMet)]),
  ]
  const speeds = details(report.results)
  const tables = [table(goals), ...(speeds.length > 1 ? [table(speeds)] : [])]
  return `${[...tables, writeMachine(report)].join('\n\n')}\n`
}

/** Everything that was measured, round by round. */
export function writeJson({ results, ...report }: Report): string {
  return `${JSON.stringify({ ...report, rounds: Object.fromEntries(results) }, null, 2)}\n`
}

function details(results: Results): readonly (readonly string[])[] {
  const rows = [...results]
    .filter(([, samples]) => samples.some(({ perSecond }) => perSecond !== undefined))
    .map(([name, samples]) => [
      name,
      ...Object.values(columns).map((measure) => write(overRounds(samples, measure), measure)),
    ])
  return [['', ...Object.keys(columns)], ...rows]
}

function writeMachine({ machine, settings }: Report): string {
  const { cpu, cores, memoryGb, node, postgres, oidcProvider, revision, date, loadBefore } = machine
  const busy = loadBefore > 0.5 ? ` The machine was not idle: its load was ${loadBefore.toFixed(1)} before.` : ''
  return (
    `${settings} ${cores} cores of ${cpu}, ${memoryGb} GB, shared by generator, server and PostgreSQL ${postgres} ` +
    `(fsync and synchronous_commit on); Node ${node}; oidc-provider ${oidcProvider}; revision ${revision}; ${date}.${busy}`
  )
}

function writeMet(isMet: boolean | undefined): string {
  if (isMet === undefined) return ''
  return isMet ? 'yes' : 'NO'
}

function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...body.map(line)].join('\n')
}

function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, place) => Math.max(...rows.map((row) => row[place]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, place) => cell.padEnd(widths[place] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
