import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCleaner } from '../../scripts/lib/processes.ts'
import type { Closable } from '../context.ts'

/** A measured server, in its own process. */
export interface Server extends Closable {
  readonly pid: number
  readonly origin: URL
}

export interface Program {
  readonly name: string
  /** The arguments of `node`. */
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Starts a server that prints its URL when it is ready. Of this process's environment it gets only PATH, and its
 * working folder is empty, so that no `.env` of a developer changes what is measured. However the benchmark ends, even
 * by SIGKILL, the server is ended and the folder is deleted.
 */
export async function startServer({ name, args, environment }: Program): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'invalidate-token-bench-'))
  const cleaner = openCleaner(folder)
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  cleaner.watch(child.pid)
  const ended = once(child, 'exit').then(() => cleaner.watch(undefined))
  const close = async () => {
    child.kill('SIGTERM')
    await ended
    await cleaner.clean()
  }
  try {
    return { pid: child.pid ?? 0, origin: new URL(await readUrl(name, child, ended)), close }
  } catch (error) {
    await cleaner.clean()
    throw error
  }
}

async function readUrl(name: string, child: ChildProcess, ended: Promise<unknown>): Promise<string> {
  let printed = ''
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  const arrived = () => new Promise((resolve) => child.stdout?.once('data', resolve))
  child.stdout?.on('data', (part: Buffer) => {
    printed += part.toString()
  })
  child.stderr?.on('data', (part: Buffer) => {
    printed += part.toString()
  })
  for (;;) {
    const url = /http:\/\/\S+/.exec(printed)?.[0]
    if (url !== undefined) return url
    if (hasEnded) throw new Error(`${name} ended before it was ready:\n${printed}`)
    await Promise.race([arrived(), ended])
  }
}
