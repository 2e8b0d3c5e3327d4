import { execFile } from 'node:child_process'
import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { until } from '../../scripts/lib/processes.ts'

const run = promisify(execFile)

/** Starts a standby of a running server, from a copy of its folder, and waits until it streams. */
export async function startStandby(primary: RunningPostgres): Promise<RunningPostgres> {
  const { port } = new URL(primary.url)
  const standby = await startPostgres({
    fill: async (dataDir) => {
      await withClient(primary.url, async (client) => {
        await client.query("select pg_backup_start('campaign', true)")
        await run('cp', ['-a', primary.dataDir, dataDir])
        const { rows } = await client.query('select labelfile from pg_backup_stop(false)')
        await writeFile(join(dataDir, 'backup_label'), rows[0].labelfile)
      })
      for (const name of ['postmaster.pid', 'postmaster.opts']) await rm(join(dataDir, name), { force: true })
      await appendFile(
        join(dataDir, 'postgresql.auto.conf'),
        `primary_conninfo = 'host=127.0.0.1 port=${port} user=postgres application_name=standby'\n`,
      )
      await writeFile(join(dataDir, 'standby.signal'), '')
      // Written by this program, which may be root, for a server that is not.
      await run('chown', ['-R', '--reference', primary.dataDir, dataDir])
    },
  })
  if (!(await until(() => isStreaming(primary)))) throw new Error('The standby does not stream')
  return standby
}

/** From now on a commit on this server waits for its standby. A copy of the server inherits that. */
export async function requireStandby({ url }: RunningPostgres): Promise<void> {
  await withClient(url, async (client) => {
    await client.query("alter system set synchronous_standby_names = '*'")
    await client.query('select pg_reload_conf()')
  })
  const isSynchronous = () => ask(url, "select from pg_stat_replication where sync_state = 'sync'")
  if (!(await until(isSynchronous))) throw new Error('No standby is synchronous')
}

/** Makes a standby a primary. */
export async function promote({ url }: RunningPostgres): Promise<void> {
  await withClient(url, (client) => client.query('select pg_promote(true, 30)'))
}

/** The process of a standby that receives the log. */
export async function walReceiverOf({ url }: RunningPostgres): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query('select pid from pg_stat_wal_receiver')
    return Number(rows[0].pid)
  })
}

function isStreaming({ url }: RunningPostgres): Promise<boolean> {
  return ask(url, "select from pg_stat_replication where state = 'streaming'")
}

async function ask(url: string, sql: string): Promise<boolean> {
  return withClient(url, async (client) => ((await client.query(sql)).rowCount ?? 0) > 0)
}

async function withClient<Answer>(url: string, use: (client: pg.Client) => Promise<Answer>): Promise<Answer> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return use(client).finally(() => client.end())
}
