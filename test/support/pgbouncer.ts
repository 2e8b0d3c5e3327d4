import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPort } from '../../scripts/lib/postgres.ts'
import { serverAccount } from '../../scripts/lib/postgres-binaries.ts'

const program = '/usr/sbin/pgbouncer'

/** Reason for a skip: pgbouncer is not an npm package. .ci/run installs Debian's, so CI never skips. */
export const isPgbouncerMissing = !existsSync(program)

/** pgbouncer in transaction mode: each statement of a client may run on another server connection. */
export interface Pooler {
  /** The url by which a database of the server is reached through the pooler. */
  urlOf(directUrl: string): string
  stop(): Promise<void>
}

/** What the service needs of a pooler's connections. */
const limit = " connect_query='set statement_timeout = 10000'"

/** Starts a pooler in front of the PostgreSQL server at a url, whose superuser is `postgres`. */
export async function startPooler(
  serverUrl: string,
  { limitsStatements = true }: { readonly limitsStatements?: boolean } = {},
): Promise<Pooler> {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-pgbouncer-'))
  const port = await findPort()
  const settings = [
    '[databases]',
    `* = host=127.0.0.1 port=${new URL(serverUrl).port} user=postgres${limitsStatements ? limit : ''}`,
    '[pgbouncer]',
    `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =`,
    'auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200',
  ]
  const path = join(folder, 'pgbouncer.ini')
  await writeFile(path, `${settings.join('\n')}\n`)
  await chmod(folder, 0o755)
  const account = serverAccount()
  const pooler = spawn(program, [path], { stdio: 'ignore', ...(account && { uid: account.uid, gid: account.gid }) })
  process.once('exit', () => pooler.kill())
  return {
    urlOf: (directUrl) => Object.assign(new URL(directUrl), { port: String(port) }).href,
    stop: async () => {
      pooler.kill()
      await rm(folder, { recursive: true })
    },
  }
}
