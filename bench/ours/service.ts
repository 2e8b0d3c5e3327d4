import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BenchContext } from '../context.ts'
import { type Server, startServer } from '../load/server.ts'

/** A revision of the service. */
export interface Build {
  /** The name of the revision: part of the names of its databases and contenders. */
  readonly name: string
  /** The absolute path of the folder with its package.json and its built `dist`. */
  readonly folder: string
}

/** The build of this working tree. */
export const checkout: Build = { name: 'ours', folder: fileURLToPath(new URL('../..', import.meta.url)) }

const adminSecret = 'a-secret-for-the-benchmark-of-40-letters'

/** A client with all scopes. */
export const adminCredentials = { clientId: 'admin', secret: adminSecret }

/** The `Authorization` header of that client. */
export const asAdmin = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`

/** Starts the service on this database, with the flags of its `npm start`. */
export async function startService(context: BenchContext, url: string, build = checkout): Promise<Server> {
  const folder = context.options.profileFolder
  const profiling = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]
  const args = [...startFlags(build), ...profiling, cliOf(build), 'serve']
  // The limits are on, and too high for this load: all of it comes from one address.
  const limits = { RATE_LIMIT_ANONYMOUS: '100000000', RATE_LIMIT_OWNER: '100000000' }
  // The other software logs no requests either.
  const log = { LOG_REQUESTS: 'off' }
  const environment = { PORT: '0', DATABASE_URL: url, ADMIN_SECRET: adminSecret, ...limits, ...log }
  return context.closeAtEnd(await startServer({ name: `invalidate-token (${build.name})`, args, environment }))
}

/** Has the build's own command create the tables in an empty database. It runs in a folder without a `.env`. */
export async function migrateWith(build: Build, { folder: cwd }: BenchContext, url: string): Promise<void> {
  const env = { PATH: process.env['PATH'], DATABASE_URL: url }
  await promisify(execFile)(process.execPath, [cliOf(build), 'migrate'], { cwd, env })
}

function cliOf({ folder }: Build): string {
  return join(folder, 'dist/cli.js')
}

/** The flags that `npm start` gives node: they limit the heap, so that it is collected more often. */
function startFlags({ folder }: Build): string[] {
  const { scripts }: { scripts: { start: string } } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return scripts.start.split(' ').filter((part) => part.startsWith('--'))
}
