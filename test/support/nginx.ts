import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findPort } from '../../scripts/lib/postgres.ts'

const program = '/usr/sbin/nginx'

/** Reason for a skip: nginx is not an npm package. .ci/run installs Debian's, so CI never skips. */
export const isNginxMissing = !existsSync(program)

export interface ReverseProxy {
  readonly origin: string
  stop(): Promise<void>
}

/** Starts nginx with the servers of a configuration, without TLS, in front of the service at `target`. */
export async function startNginx(configuration: string, target: string): Promise<ReverseProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-nginx-'))
  const port = await findPort()
  const servers = configuration
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replace('server 127.0.0.1:4000;', `server ${new URL(target).host};`)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  )
  const lines = [`pid ${join(folder, 'pid')};`, 'daemon off; events {}', `http { access_log off; ${paths.join(' ')}`]
  await writeFile(join(folder, 'nginx.conf'), `${lines.join('\n')}\n${servers}}\n`)
  const nginx = spawn(program, ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'inherit' })
  process.once('exit', () => nginx.kill())
  while (nginx.exitCode === null && !(await isListening(port))) await sleep(20)
  return {
    origin: `http://127.0.0.1:${port}`,
    stop: async () => {
      nginx.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
