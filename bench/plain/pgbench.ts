import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findPostgres } from '../../scripts/lib/postgres-binaries.ts'
import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { postgresMicros } from '../load/meter.ts'
import { openClient } from '../ours/databases.ts'

const run = promisify(execFile)

/** PostgreSQL's own load generator: one prepared UPDATE by primary key per transaction, on its own table. */
export function createPgbench(context: BenchContext): (name: string, clients: number) => Contender {
  const url = lazy(() => seedRows(context))
  return (name, clients) => ({
    name,
    prepare: url,
    run: async (seconds) => {
      const before = postgresMicros(context.postgres.pid)
      const { perSecond, count, latencyMs } = await runPgbench(context, { url: await url(), clients, seconds })
      const micros = (postgresMicros(context.postgres.pid) - before) / count
      // With one client there is no queue, so its mean can stand for the median.
      return { perSecond, postgresMicros: micros, ...(clients === 1 && { p50Ms: latencyMs }) }
    },
  })
}

async function seedRows(context: BenchContext): Promise<string> {
  const url = await context.postgres.createDatabase('pgbench')
  const client = await openClient(context, url)
  await client.query('create table flags (id bigint primary key, digest bytea not null, is_ended boolean not null)')
  await client.query(
    `insert into flags select id, sha256(convert_to(id::text, 'UTF8')), false
    from generate_series(1, ${context.options.pairs}) id`,
  )
  await client.query('vacuum (freeze, analyze) flags')
  return url
}

interface Pgbench {
  readonly url: string
  readonly clients: number
  readonly seconds: number
}

async function runPgbench(context: BenchContext, { url, clients, seconds }: Pgbench) {
  const script = join(context.folder, 'update.pgbench')
  const rows = context.options.pairs
  await writeFile(script, `\\set id random(1, ${rows})\nupdate flags set is_ended = true where id = :id;\n`)
  const { bin } = findPostgres()
  const threads = Math.min(clients, 2)
  const switches = ['-n', '-M', 'prepared', '-c', `${clients}`, '-j', `${threads}`, '-T', `${seconds}`, '-f', script]
  const { stdout } = await run(join(bin, 'pgbench'), [...switches, url])
  return {
    perSecond: readNumber(stdout, /^tps = ([\d.]+)/m),
    count: readNumber(stdout, /transactions actually processed: (\d+)/),
    latencyMs: readNumber(stdout, /latency average = ([\d.]+) ms/),
  }
}

function readNumber(printed: string, pattern: RegExp): number {
  const text = pattern.exec(printed)?.[1]
  if (text === undefined) throw new Error(`pgbench printed nothing like ${pattern}:\n${printed}`)
  return Number(text)
}
