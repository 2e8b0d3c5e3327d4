import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Server, startServer } from '../load/server.ts'
import type { Stage } from '../stage.ts'

const root = new URL('../../', import.meta.url)
const cli = fileURLToPath(new URL('dist/cli.js', root))
const adminSecret = 'a-secret-for-the-benchmark-of-40-letters'

/** What a client sends: all scopes. */
export const asAdmin = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`

/** Our service as `npm start` runs it, on this database. */
export async function startOurs(stage: Stage, url: string): Promise<Server> {
  const folder = stage.options.profileFolder
  const profiling = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]
  const args = [...startFlags(), ...profiling, cli, 'serve']
  const environment = { PORT: '0', DATABASE_URL: url, ADMIN_SECRET: adminSecret }
  return stage.keep(await startServer({ name: 'invalidate-token', args, environment }))
}

/** What `npm start` gives node: a smaller heap is collected more often. */
function startFlags(): string[] {
  const { scripts }: { scripts: { start: string } } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  return scripts.start.split(' ').filter((part) => part.startsWith('--'))
}
