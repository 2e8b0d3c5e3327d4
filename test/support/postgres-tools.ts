import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { RunningPostgres } from '../../scripts/lib/postgres.ts'
import { findPostgres, serverAccount } from '../../scripts/lib/postgres-binaries.ts'

const names = ['pg_dump', 'pg_restore', 'pg_basebackup', 'pg_ctl'] as const
const { bin } = findPostgres()

/** Which of PostgreSQL's tools are missing in the folder of the server that the tests run on. The npm package has few of them. */
export const missingTools: readonly string[] = names.filter((name) => !existsSync(join(bin, name)))

type Tool = (typeof names)[number]

async function runTool(name: Tool, args: readonly string[], asServer = false): Promise<void> {
  const account = asServer ? serverAccount() : undefined
  await promisify(execFile)(join(bin, name), args, { ...account, cwd: '/', env: { ...process.env, LC_ALL: 'C' } })
}

/** Backs a database up into a file. */
export function dump(url: string, file: string): Promise<void> {
  return runTool('pg_dump', ['--format=custom', `--file=${file}`, `--dbname=${url}`])
}

/** Restores such a backup; with `--clean --if-exists` over what is in the database. */
export async function restore(url: string, file: string, options: readonly string[] = []): Promise<void> {
  await runTool('pg_restore', [...options, `--dbname=${url}`, file]).catch((error: unknown) => {
    const errors = String(error).match(/^pg_restore: error: .*$/gm) ?? []
    // `--clean` of PostgreSQL 15 drops the constraints of partitions before their tables. That fails; the tables go.
    if (errors.length === 0 || !errors.every((line) => line.includes('cannot drop inherited constraint'))) throw error
  })
}

export interface Standby {
  readonly url: string
  /** Makes it the primary. */
  promote(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a streaming standby. Its folder lies beside the primary's: if the tests end without `stop`, that folder is
 * removed, and a server without its folder ends by itself within a minute.
 */
export async function startStandby(primary: RunningPostgres, port: number): Promise<Standby> {
  const folder = join(dirname(primary.dataDir), `standby-${port}`)
  await runTool('pg_basebackup', [`--dbname=${primary.url}`, `--pgdata=${folder}`, '-R', '--checkpoint=fast'], true)
  const settings = `-c port=${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`
  const control = (verb: string, ...options: readonly string[]) =>
    runTool('pg_ctl', [verb, `--pgdata=${folder}`, '--wait', `--log=${folder}.log`, ...options], true)
  await control('start', `--options=${settings}`)
  const url = new URL(primary.url)
  url.port = String(port)
  return { url: url.href, promote: () => control('promote'), stop: () => control('stop', '--mode=immediate') }
}
