import { access, mkdir, open, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { TokenServiceError } from '../../tokens/errors.ts'
import { codeOf, evidence, isUnavailable, unwrap } from './errors.ts'
import { type FileFault, fileFaultOf, probeFolder } from './file-faults.ts'
import { lockFolder } from './folder-lock.ts'

/** The folder of an embedded database, for this process alone. */
export interface EmbeddedFolder {
  /** Where PGlite has its files. */
  readonly dataDir: string
  /** Call it once the database is complete: until then it is removed at the next opening. */
  finish(): Promise<void>
  /** Gives the folder to other processes. A new database that was not finished is removed first. */
  release(): Promise<void>
}

/**
 * Takes the folder and prepares it for PGlite.
 *
 * What is left of a new database whose making was interrupted (the disk was full, the process was killed) may look like a
 * database and not be one. So a file says for as long that the database is not finished.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE; ERR_CONFIGURATION: `mustExist`, and there is no database
 */
export async function takeFolder(folder: string, mustExist: boolean): Promise<EmbeddedFolder> {
  const dataDir = join(folder, 'pglite')
  const unfinished = join(folder, 'unfinished')
  // PGlite itself checks for the file PG_VERSION: where it is missing, PGlite creates a database.
  if (mustExist && (!(await exists(join(dataDir, 'PG_VERSION'))) || (await exists(unfinished))))
    throw noDatabase(folder)
  // PGlite makes its files readable for every account, so this folder around them is closed to all but ours.
  await makeFolder(resolve(folder))
  const lock = await lockFolder(folder)
  let isNew = false
  try {
    await begin()
  } catch (error) {
    await lock.release().catch(ignoreFailure)
    throw error
  }
  return { dataDir, finish, release }

  async function begin(): Promise<void> {
    if (await exists(unfinished)) await rm(dataDir, { recursive: true, force: true })
    // What is there without that file is not removed: we have not made it just now.
    else if (await exists(dataDir)) return
    await writeFile(unfinished, '')
    isNew = true
  }

  /** The removal must reach the disk before anything is stored that must not be lost. */
  async function finish(): Promise<void> {
    if (!isNew) return
    await rm(unfinished, { force: true })
    isNew = false
    const directory = await open(folder)
    await directory.sync().finally(() => directory.close())
  }

  async function release(): Promise<void> {
    try {
      if (!isNew) return
      await rm(dataDir, { recursive: true, force: true })
      await rm(unfinished, { force: true })
    } finally {
      await lock.release()
    }
  }
}

/** With `recursive`, Node tries for ever where a folder that exists takes no folders, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    if (codeOf(error) !== 'ENOENT' || (await exists(dirname(path)))) throw error
    await makeFolder(dirname(path))
    await makeFolder(path)
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

function noDatabase(folder: string): TokenServiceError {
  return new TokenServiceError(
    'ERR_CONFIGURATION',
    `There is no database in the folder ${folder}: set DATABASE_URL or DATA_DIR, or make one with \`migrate\`.`,
  )
}

/** Explains a failure before the database is ready. */
export async function guardFolder<Answer>(folder: string, run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof TokenServiceError) throw error
    const driver = unwrap(error)
    const fault = fileFaultOf(driver) ?? (await probeFolder(folder))
    if (fault === undefined) throw damaged(folder, evidence(driver))
    const isKnown = isUnavailable(driver)
    throw unusable(folder, fault, isKnown ? evidence(driver) : new Error(`${fault.errno}: ${fault.words}`))
  }
}

/** What passes when there is space again. */
const fullErrnos = ['ENOSPC', 'EDQUOT']
/** A limit of this process, or of the machine. */
const limitErrnos = ['EMFILE', 'ENFILE', 'ENOMEM']

function unusable(folder: string, { errno }: FileFault, cause: Error): TokenServiceError {
  if (fullErrnos.includes(errno))
    return new TokenServiceError(
      'ERR_STORAGE_UNAVAILABLE',
      `There is no space left on the disk of the folder ${folder}: make room there, or choose another DATA_DIR.`,
      cause,
    )
  const advice = limitErrnos.includes(errno)
    ? 'raise the limits of this process'
    : 'choose another DATA_DIR, or let this account write there'
  return new TokenServiceError('ERR_CONFIGURATION', `The folder ${folder} can't be used: ${advice}.`, cause)
}

function damaged(folder: string, cause: Error): TokenServiceError {
  return new TokenServiceError(
    'ERR_CONFIGURATION',
    `The database in the folder ${folder} can't be opened, it is damaged or not ours: put a copy of it back, or choose another DATA_DIR.`,
    cause,
  )
}

export function ignoreFailure(): void {
  // The failure before this one is reported.
}
