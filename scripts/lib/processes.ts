import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Removes a folder, and ends one process, when this program ends, however it ends. */
export interface Cleaner {
  /** Sets the process to end; it replaces the one set before. `undefined`: it has ended by itself. */
  watch(pid: number | undefined): void
  /** Cleans up now and resolves when that is done. Call it once. */
  clean(): Promise<void>
}

interface ProcessRow {
  readonly pid: number
  readonly parent: number
  /** First letter as in `ps`: T stopped, Z ended but not yet reaped. */
  readonly state: string
}

/**
 * Reads pids, one a line, until its input ends. The input ends however the writing process dies. Then the script ends
 * the process of the last pid, if there is one: by SIGQUIT (PostgreSQL's "immediate" shutdown, which ends its children
 * too), and by SIGKILL after 10 s. Then it removes the folder.
 */
const cleanUp = `
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
  kill -QUIT "$pid"
  tenths=0
  while kill -0 "$pid" && [ "$tenths" -lt 100 ]; do sleep 0.1; tenths=$((tenths + 1)); done
  kill -KILL "$pid"
fi
rm -rf "$1"
`

/**
 * Opens a cleaner for `folder`: a shell in a session of its own that waits until our end of a pipe closes.
 *
 * An exit handler is not enough: none runs at SIGKILL, at SIGTERM by default, or when vitest ends a worker.
 */
export function openCleaner(folder: string): Cleaner {
  const shell = spawn('/bin/sh', ['-c', cleanUp, 'cleaner', folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.unref()
  return {
    watch: (pid) => {
      shell.stdin.write(`${pid ?? ''}\n`)
    },
    clean: async () => {
      shell.ref()
      shell.stdin.end()
      await once(shell, 'exit')
    },
  }
}

/** Lists the children of `parent`, which was sent SIGSTOP. Waits until it has stopped: then the list stays correct. */
export async function listChildren(parent: number): Promise<readonly number[]> {
  const hasStopped = await until(() =>
    listProcesses().some(({ pid, state }) => pid === parent && state.startsWith('T')),
  )
  if (!hasStopped)
    throw new Error(`Process ${parent} did not stop within 30 s of SIGSTOP: see what holds it in the kernel`)
  return listProcesses().flatMap((row) => (row.parent === parent ? [row.pid] : []))
}

/** Whether `pid` still runs. A zombie does not: if a container's first process reaps none, it stays for ever. */
export function isAlive(pid: number): boolean {
  return listProcesses().some((row) => row.pid === pid && !row.state.startsWith('Z'))
}

/** Checks every 10 ms; answers true as soon as `isMet` does, and false when `seconds` have passed. */
export async function until(isMet: () => boolean | Promise<boolean>, seconds = 30): Promise<boolean> {
  const deadline = performance.now() + seconds * 1_000
  while (!(await isMet())) {
    if (performance.now() > deadline) return false
    await sleep(10)
  }
  return true
}

/** From `/proc` on Linux, because slim container images have no `ps`. */
function listProcesses(): readonly ProcessRow[] {
  if (process.platform === 'linux')
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap(readProcess)

  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, state = ''] = line.trim().split(/\s+/)
      return { pid: Number(pid), parent: Number(parent), state }
    })
}

/** `/proc/PID/stat` is "pid (name) state parent …". The name itself may contain blanks and brackets. */
function readProcess(pid: string): readonly ProcessRow[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return [{ pid: Number(pid), parent: Number(parent), state }]
  } catch {
    return [] // the process ended after the folder was read
  }
}
