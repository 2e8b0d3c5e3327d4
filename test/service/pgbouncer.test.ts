import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { serverAccount } from '../../scripts/lib/postgres-binaries.ts'
import { startProcess } from '../support/process.ts'

const program = '/usr/sbin/pgbouncer'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Starts pgbouncer in transaction mode: each statement of a client may run on another server connection. */
async function startPooler(
  folder: string,
  postgresUrl: string,
): Promise<{ readonly port: number; readonly process: ChildProcess }> {
  const port = await freePort()
  const settings = [
    '[databases]',
    `* = host=127.0.0.1 port=${new URL(postgresUrl).port} user=postgres`,
    '[pgbouncer]',
    `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =`,
    'auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200',
  ]
  const path = join(folder, 'pgbouncer.ini')
  await writeFile(path, `${settings.join('\n')}\n`)
  await chmod(folder, 0o755)
  const account = serverAccount()
  const pooler = spawn(program, [path], {
    stdio: 'ignore',
    ...(account && { uid: account.uid, gid: account.gid }),
  })
  process.once('exit', () => pooler.kill())
  return { port, process: pooler }
}

// Reason for the skip: pgbouncer is not an npm package. .ci/run installs Debian's, so CI never skips.
describe.skipIf(!existsSync(program))('behind pgbouncer in transaction mode', () => {
  let folder: string
  let postgres: RunningPostgres
  let pooler: ChildProcess
  let pooledUrl: string
  let directUrl: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'invalidate-token-pgbouncer-'))
    postgres = await startPostgres()
    directUrl = await postgres.createDatabase('pooled')
    const { port, process: started } = await startPooler(folder, postgres.url)
    pooler = started
    pooledUrl = `postgres://postgres@127.0.0.1:${port}/pooled`
  })
  afterAll(async () => {
    pooler.kill()
    await postgres.stop()
    await rm(folder, { recursive: true })
  })

  test('two instances create, invalidate and introspect a hundred tokens concurrently', async () => {
    const environment = { DATABASE_URL: pooledUrl, DATABASE_DIRECT_URL: directUrl }
    const one = await startProcess(environment)
    const other = await startProcess(environment)
    const ask = async (url: string, query: string) => {
      const headers = { 'content-type': 'application/json', authorization: one.authorization ?? '' }
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })
      return response.json()
    }

    const rounds = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const created = await ask(
          one.url,
          `mutation { createTokenPair(input: { realmName: "r", username: "u${n}" }) { accessToken } }`,
        )
        const token = created.data.createTokenPair.accessToken
        const ended = await ask(
          other.url,
          `mutation { invalidateToken(input: { token: "${token}" }) { invalidatedTokens } }`,
        )
        const seen = await ask(one.url, `{ introspectToken(token: "${token}") { active } }`)
        return [ended.data.invalidateToken.invalidatedTokens, seen.data.introspectToken.active]
      }),
    )

    expect(new Set(rounds.map(String))).toEqual(new Set(['1,false']))
    const rest = await ask(
      other.url,
      'mutation { invalidateToken(input: { owner: { realmName: "r" } }) { invalidatedTokens previouslyInvalidatedTokens } }',
    )
    expect(rest.data.invalidateToken).toEqual({ invalidatedTokens: 100, previouslyInvalidatedTokens: 100 })
    await one.end()
    await other.end()
  })
})
