import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { TokenServiceError } from '../../tokens/errors.ts'
import { codeOf } from './errors.ts'

/** Who holds a folder. `started` tells a process from a later one that was given the same pid. */
interface Holder {
  readonly pid: number
  readonly host: string
  readonly started: string
}

/**
 * Takes a folder for this process alone, until `release` or the process's end.
 *
 * PGlite itself takes no lock, and two processes on one folder lose data without a word. The lock is a file that names
 * its holder; one whose process is gone (a crash, kill -9) is taken over.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE
 */
export async function lockFolder(folder: string): Promise<{ release(): Promise<void> }> {
  const path = join(folder, 'lock')
  const mine = JSON.stringify({
    pid: process.pid,
    host: hostname(),
    started: await startOf(process.pid),
  } satisfies Holder)
  while (!(await create(path, mine))) await removeStale(folder, path)
  return { release: () => rm(path, { force: true }) }
}

/** Whoever creates the file has the folder; the file system lets one succeed. */
async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

async function removeStale(folder: string, path: string): Promise<void> {
  const content = await readIfThere(path)
  if (content === undefined) return
  const holder = parseHolder(content)
  if (holder === undefined || (await isAlive(holder))) throw inUse(folder, path, holder)
  // Moved away first: if somebody took the lock over since it was read, theirs is put back.
  const aside = `${path}.${process.pid}`
  await rename(path, aside).catch(ignoreMissing)
  const moved = await readIfThere(aside)
  if (moved !== undefined && moved !== content) await rename(aside, path)
  else await rm(aside, { force: true })
}

/** A process of another host can't be looked up: it counts as alive. Our own pid can only be a leftover. */
async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.host !== hostname()) return true
  if (holder.pid === process.pid) return holder.started === (await startOf(process.pid))
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
  return holder.started === (await startOf(holder.pid))
}

/** When a process started, in clock ticks since boot (Linux, field 22 of its stat); empty where nobody can tell. */
async function startOf(pid: number): Promise<string> {
  const stat = await readIfThere(`/proc/${pid}/stat`)
  // The command's name, in brackets, may itself hold spaces and brackets.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function inUse(folder: string, path: string, holder: Holder | undefined): TokenServiceError {
  const who = holder === undefined ? 'an unknown process' : `process ${holder.pid} on ${holder.host}`
  return new TokenServiceError(
    'ERR_DATA_DIR_IN_USE',
    `The folder ${folder} is in use by ${who}, and one process at a time can open it: stop that one, ask it by GraphQL, or keep the tokens in PostgreSQL (DATABASE_URL); if it is gone for certain, delete ${path}.`,
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
