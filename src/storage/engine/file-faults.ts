import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { getSystemErrorMap } from 'node:util'

/** What the operating system refused, by the name of its errno, and in its words. */
export interface FileFault {
  readonly errno: string
  readonly words: string
}

/**
 * The errnos of file operations as PGlite's file system numbers them (WASI, "errno"). What that file system throws is no
 * `Error` and has nothing but a number.
 */
const wasmErrnos: Readonly<Record<number, string>> = {
  2: 'EACCES',
  6: 'EAGAIN',
  8: 'EBADF',
  10: 'EBUSY',
  19: 'EDQUOT',
  20: 'EEXIST',
  21: 'EFAULT',
  22: 'EFBIG',
  27: 'EINTR',
  28: 'EINVAL',
  29: 'EIO',
  31: 'EISDIR',
  32: 'ELOOP',
  33: 'EMFILE',
  37: 'ENAMETOOLONG',
  41: 'ENFILE',
  43: 'ENODEV',
  44: 'ENOENT',
  46: 'ENOLCK',
  48: 'ENOMEM',
  51: 'ENOSPC',
  54: 'ENOTDIR',
  55: 'ENOTEMPTY',
  60: 'ENXIO',
  61: 'EOVERFLOW',
  63: 'EPERM',
  69: 'EROFS',
  70: 'ESPIPE',
  72: 'ESTALE',
  73: 'ETIMEDOUT',
  74: 'ETXTBSY',
  75: 'EXDEV',
}

/** The number in PGlite's file system of an error of Node's; EIO for what has none there. */
export function wasmErrnoOf(error: unknown): number {
  const errno = fileFaultOf(error)?.errno
  const [number] = Object.entries(wasmErrnos).find(([, name]) => name === errno) ?? [29]
  return Number(number)
}

/** Undefined for what is not the refusal of a file operation. */
export function fileFaultOf(error: unknown): FileFault | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const [name, code, errno] = ['name', 'code', 'errno'].map((key): unknown => Reflect.get(error, key))
  if (name === 'ErrnoError') return describe(wasmErrnos[Number(errno)] ?? 'unknown')
  if (typeof code !== 'string') return undefined
  // Of disk quotas and of stale network files, Node knows the number only.
  if (code.startsWith('Unknown system error')) return describe(nameOf(Number(errno)) ?? 'unknown')
  // SQLSTATE 53100 is disk_full.
  if (code === '53100') return describe('ENOSPC')
  return /^E[A-Z0-9]+$/.test(code) ? describe(code) : undefined
}

function describe(errno: string): FileFault {
  const [, words] = [...getSystemErrorMap().values()].find(([name]) => name === errno) ?? []
  return { errno, words: words ?? otherWords[errno] ?? 'a file operation failed' }
}

const otherWords: Readonly<Record<string, string>> = {
  EDQUOT: 'disk quota exceeded',
  ENOLCK: 'no locks available',
  ESTALE: 'stale file handle',
}

function nameOf(errno: number): string | undefined {
  return Object.entries(constants.errno).find(([, number]) => number === Math.abs(errno))?.[0]
}

/**
 * Writes a file into a folder and removes it. Answers why that failed; undefined if it did not. PGlite says of some
 * failures only that it "failed to initialize properly".
 */
export async function probeFolder(folder: string): Promise<FileFault | undefined> {
  const path = join(folder, `probe-${randomUUID()}`)
  try {
    await writeFile(path, Buffer.alloc(65_536), { flag: 'wx', mode: 0o600 })
    return undefined
  } catch (error) {
    return fileFaultOf(error)
  } finally {
    await rm(path, { force: true })
  }
}
