import type { Difference } from './against/difference.ts'
import type { Measure } from './contender.ts'
import type { Machine } from './machine.ts'
import { overRounds, type Results } from './rounds.ts'
import { type Verdict, write } from './verdict.ts'

export interface Report {
  readonly machine: Machine
  readonly settings: string
  /** The revision that this checkout was compared with, if it was. */
  readonly against: string | undefined
  /** Empty if it was compared with a revision. */
  readonly verdicts: readonly Verdict[]
  /** Empty unless it was compared with a revision. */
  readonly differences: readonly Difference[]
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
  const lines = report.against === undefined ? goalRows(report.verdicts) : differenceRows(report.differences)
  const speeds = details(report.results)
  const tables = [table(lines), ...(speeds.length > 1 ? [table(speeds)] : [])]
  return `${[...tables, writeMachine(report)].join('\n\n')}\n`
}

/** Everything that was measured, round by round. */
export function writeJson({ results, ...report }: Report): string {
  return `${JSON.stringify({ ...report, rounds: Object.fromEntries(results) }, null, 2)}\n`
}

function goalRows(verdicts: readonly Verdict[]): readonly (readonly string[])[] {
  return [
    ['work', 'ours', 'baseline', 'ratio', 'goal', 'met'],
    ...verdicts.map((one) => [one.work, one.ours, one.baseline, one.ratio, one.goal, writeMet(one.isMet)]),
  ]
}

function differenceRows(differences: readonly Difference[]): readonly (readonly string[])[] {
  return [
    ['work', 'ours', 'theirs', 'ratio', 'spread', 'ours is'],
    ...differences.map((one) => [one.work, one.ours, one.theirs, one.ratio, one.spread, one.verdict]),
  ]
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

function writeMachine({ machine, settings, against }: Report): string {
  const { cpu, cores, memoryGb, node, postgres, oidcProvider, revision, date, loadBefore } = machine
  const busy = loadBefore > 0.5 ? ` The machine was not idle: its load was ${loadBefore.toFixed(1)} before.` : ''
  const measured =
    against === undefined
      ? `oidc-provider ${oidcProvider}; revision ${revision}`
      : `ours is revision ${revision}, theirs ${against}`
  return (
    `${settings} ${cores} cores of ${cpu}, ${memoryGb} GB, shared by generator, server and PostgreSQL ${postgres} ` +
    `(fsync and synchronous_commit on); Node ${node}; ${measured}; ${date}.${busy}`
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
