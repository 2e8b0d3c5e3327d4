import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type FileHandle, link, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { TokenServiceError } from '../../tokens/errors.ts'
import { codeOf } from './errors.ts'

/**
 * Locks a folder for this process, until `release` or until the process ends.
 *
 * PGlite itself takes no lock, and two processes on one folder lose data without any error. The lock is a Unix domain
 * socket in the folder, on which its holder listens: the kernel closes it however the process ends, and answers for it
 * to every process on this kernel, also in another container.
 *
 * The sockets have numbers, and the one with the highest number decides. If nobody listens on it, the next number can be
 * taken: a hard link that one of several processes succeeds in making. The highest number is never removed, so a process
 * that looked some time ago can't take a number that was used meanwhile.
 *
 * A process on another machine, which shares the folder over a network, isn't seen.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE; ERR_CONFIGURATION: the file system has no sockets
 */
export async function lockFolder(folder: string): Promise<{ release(): Promise<void> }> {
  const directory = await open(folder)
  try {
    for (;;) {
      const newest = await newestOf(folder)
      if (newest > 0 && (await isHeld(socketPath(folder, directory, `${prefix}${newest}`)))) throw await inUse(folder)
      const server = await take(folder, directory, newest + 1)
      if (server !== undefined) return { release: () => release(server, join(folder, `${prefix}${newest + 1}`)) }
    }
  } finally {
    await directory.close()
  }
}

const prefix = 'lock.'

async function newestOf(folder: string): Promise<number> {
  return Math.max(0, ...(await numbersIn(folder)))
}

async function numbersIn(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder)
  return names.flatMap((name) => (/^lock\.\d{1,15}$/.test(name) ? [Number(name.slice(prefix.length))] : []))
}

/** Undefined if another process has taken this number. */
async function take(folder: string, directory: FileHandle, number: number): Promise<Server | undefined> {
  const name = `new-${prefix}${randomUUID().slice(0, 8)}`
  const server = await listen(folder, socketPath(folder, directory, name))
  try {
    await link(join(folder, name), join(folder, `${prefix}${number}`))
  } catch (error) {
    await close(server)
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  } finally {
    await rm(join(folder, name), { force: true })
  }
  await describeHolder(folder)
  for (const old of await numbersIn(folder))
    if (old < number) await rm(join(folder, `${prefix}${old}`), { force: true })
  return server
}

async function listen(folder: string, path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  // The lock doesn't keep a process alive that is done.
  server.listen(path).unref()
  try {
    await once(server, 'listening')
    return server
  } catch (error) {
    if (!socketless.has(codeOf(error) ?? '')) throw error
    throw new TokenServiceError(
      'ERR_CONFIGURATION',
      `The folder ${folder} is on a file system that has no sockets, by which it is locked: choose another DATA_DIR.`,
      error,
    )
  }
}

const socketless: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENAMETOOLONG'])

/** A file takes the socket's place, because programs that copy folders may refuse a socket. Nobody listens on it. */
async function release(server: Server, path: string): Promise<void> {
  const file = `${path}.released`
  await writeFile(file, '', { mode: 0o600 }).then(() => rename(file, path), ignoreFailure)
  await close(server)
}

function ignoreFailure(): void {
  // The disk is full, or the folder is gone. The socket stays, and nobody will listen on it.
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()))
}

/** Whether a process listens. One that we may not connect to, or that is too busy to accept, does. */
async function isHeld(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    return !nobodyListens.has(codeOf(error) ?? '')
  } finally {
    socket.destroy()
  }
}

/** Also of a file that took the place of a socket. */
const nobodyListens: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'])

/** The path of a socket has at most 107 bytes. By the folder's descriptor it is short, whatever the folder's own path. */
function socketPath(folder: string, directory: FileHandle, name: string): string {
  return existsSync('/proc/self/fd') ? `/proc/self/fd/${directory.fd}/${name}` : join(folder, name)
}

/** For the message of the next process that wants the folder. It decides nothing. */
async function describeHolder(folder: string): Promise<void> {
  await writeFile(join(folder, 'holder'), `process ${process.pid} on ${hostname()}`, { mode: 0o600 })
}

async function inUse(folder: string): Promise<TokenServiceError> {
  const holder = await readFile(join(folder, 'holder'), 'utf8').catch(() => '')
  const name = /^process \d+ on [\w.-]+$/.test(holder) ? holder : 'another process'
  return new TokenServiceError(
    'ERR_DATA_DIR_IN_USE',
    `The folder ${folder} is in use by ${name}, and one process at a time can open it: stop that one, ask it by GraphQL, or keep the tokens in PostgreSQL (DATABASE_URL).`,
  )
}
