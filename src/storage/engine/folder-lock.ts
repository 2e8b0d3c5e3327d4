import { open, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { TokenServiceError } from '../../tokens/errors.ts'
import { codeOf } from './errors.ts'

/** The process that holds a folder. `started` distinguishes it from a later process with the same pid. */
interface Holder {
  readonly pid: number
  readonly host: string
  readonly started: string
}

/**
 * Locks a folder for this process, until `release` or until the process ends.
 *
 * PGlite itself takes no lock, and two processes on one folder lose data without any error. The lock is a file that
 * names its holder. If that process has ended without `release` (a crash, kill -9), this process replaces the lock.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE
 */
export async function lockFolder(folder: string): Promise<{ release(): Promise<void> }> {
  const path = join(folder, 'lock')
  const content = JSON.stringify({
    pid: process.pid,
    host: hostname(),
    started: await startTimeOf(process.pid),
  } satisfies Holder)
  while (!(await create(path, content))) await removeStale(folder, path)
  return { release: () => rm(path, { force: true }) }
}

/** The process that creates the file holds the folder: of several that try, the file system lets one succeed. */
async function create(path: string, content: string): Promise<boolean> {
  const file = await open(path, 'wx', 0o600).catch(ignoreExisting)
  if (file === undefined) return false
  try {
    await file.writeFile(content)
    return true
  } catch (error) {
    // The disk is full. A file without content would lock the folder for ever, as it names no process that can end.
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

function ignoreExisting(error: unknown): undefined {
  if (codeOf(error) !== 'EEXIST') throw error
}

async function removeStale(folder: string, path: string): Promise<void> {
  const content = await readIfThere(path)
  if (content === undefined) return
  const holder = parseHolder(content)
  if (holder === undefined || (await isAlive(holder))) throw inUse(folder, path, holder)
  // Renamed first: if another process has replaced the lock since it was read here, that lock is put back.
  const aside = `${path}.${process.pid}`
  await rename(path, aside).catch(ignoreMissing)
  const moved = await readIfThere(aside)
  if (moved !== undefined && moved !== content) await rename(aside, path)
  else await rm(aside, { force: true })
}

/**
 * A process on another host can't be looked up, so it counts as alive. With our own pid and another start time, the
 * lock was left behind by an earlier process.
 */
async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.host !== hostname()) return true
  if (holder.pid === process.pid) return holder.started === (await startTimeOf(process.pid))
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
  return holder.started === (await startTimeOf(holder.pid))
}

/** When a process started, in clock ticks since boot (Linux, field 22 of its stat); empty where that is unknown. */
async function startTimeOf(pid: number): Promise<string> {
  const stat = await readIfThere(`/proc/${pid}/stat`)
  // The fields follow the command's name, which stands in parentheses and may itself contain spaces and parentheses.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function inUse(folder: string, path: string, holder: Holder | undefined): TokenServiceError {
  const holderName = holder === undefined ? 'an unknown process' : `process ${holder.pid} on ${holder.host}`
  return new TokenServiceError(
    'ERR_DATA_DIR_IN_USE',
    `The folder ${folder} is in use by ${holderName}, and one process at a time can open it: stop that one, ask it by GraphQL, or keep the tokens in PostgreSQL (DATABASE_URL); if it is gone for certain, delete ${path}.`,
  )
}

function parseHolder(content: string): Holder | undefined {
  try {
    const holder: Partial<Holder> | null = JSON.parse(content)
    const { pid, host, started } = holder ?? {}
    return typeof pid === 'number' && typeof host === 'string' && typeof started === 'string'
      ? { pid, host, started }
      : undefined
  } catch {
    return undefined
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    ignoreMissing(error)
    return undefined
  }
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ESRCH') throw error
}
