import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BenchContext } from '../context.ts'
import { type Server, startServer } from '../load/server.ts'

const root = new URL('../../', import.meta.url)
const cli = fileURLToPath(new URL('dist/cli.js', root))
const adminSecret = 'a-secret-for-the-benchmark-of-40-letters'

/** The `Authorization` header of a client with all scopes. */
export const asAdmin = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`

/** Starts the service on this database, with the flags of `npm start`. */
export async function startService(context: BenchContext, url: string): Promise<Server> {
  const folder = context.options.profileFolder
  const profiling = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]
  const args = [...startFlags(), ...profiling, cli, 'serve']
  const environment = { PORT: '0', DATABASE_URL: url, ADMIN_SECRET: adminSecret }
  return context.closeAtEnd(await startServer({ name: 'invalidate-token', args, environment }))
}

/** The flags that `npm start` gives node: they limit the heap, so that it is collected more often. */
function startFlags(): string[] {
  const { scripts }: { scripts: { start: string } } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  return scripts.start.split(' ').filter((part) => part.startsWith('--'))
}
