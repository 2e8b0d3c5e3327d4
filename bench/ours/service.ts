import { fileURLToPath } from 'node:url'
import { type Server, startServer } from '../load/server.ts'
import type { Stage } from '../stage.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const adminSecret = 'a-secret-for-the-benchmark-of-40-letters'

/** What a client sends: all scopes. */
export const asAdmin = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`

/** Our service as `npm start` runs it, on this database. */
export async function startOurs(stage: Stage, url: string): Promise<Server> {
  const folder = stage.options.profileFolder
  const profiling = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]
  const environment = { PORT: '0', DATABASE_URL: url, ADMIN_SECRET: adminSecret }
  return stage.keep(await startServer({ name: 'invalidate-token', args: [...profiling, cli], environment }))
}
