import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Clears up behind this program when it ends, in whatever way. */
export interface Sweeper {
  /** Names the one program to end as well, instead of the one named before; `undefined` once it has ended by itself. */
  watch(pid: number | undefined): void
  /** Clears up now; answers when all is gone. To be called once. */
  sweep(): Promise<void>
}

interface Row {
  readonly pid: number
  readonly parent: number
  /** First letter as in `ps`: T stopped, Z ended but not yet reaped. */
  readonly state: string
}

/**
 * Reads pids, one a line, until its input ends, as it does however its writer dies. Then ends the last pid named, if any,
 * by SIGQUIT (PostgreSQL's "immediate" shutdown, which takes its children along), by SIGKILL after 10 s; and the folder.
 */
const sweeping = `
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
 * Opens a sweeper for `folder`: a shell of its own session that waits for our end of a pipe to close.
 *
 * An exit handler would not do: none is run at SIGKILL, at SIGTERM by default, or when vitest ends a worker.
 */
export function openSweeper(folder: string): Sweeper {
  const shell = spawn('/bin/sh', ['-c', sweeping, 'sweeper', folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.unref()
  return {
    watch: (pid) => {
      shell.stdin.write(`${pid ?? ''}\n`)
    },
    sweep: async () => {
      shell.ref()
      shell.stdin.end()
      await once(shell, 'exit')
    },
  }
}

/** Lists the children of `parent`, which was sent SIGSTOP: waits until it stands, so that the list stays true. */
export async function listChildren(parent: number): Promise<readonly number[]> {
  const stands = await until(() => listProcesses().some(({ pid, state }) => pid === parent && state.startsWith('T')))
  if (!stands) throw new Error(`Process ${parent} did not stop within 30 s of SIGSTOP: see what holds it in the kernel`)
  return listProcesses().flatMap((row) => (row.parent === parent ? [row.pid] : []))
}

/** Whether `pid` still runs. A zombie does not: in a container whose first program reaps nobody, it stays for ever. */
export function isAlive(pid: number): boolean {
  return listProcesses().some((row) => row.pid === pid && !row.state.startsWith('Z'))
}

/** Asks every 10 ms; answers true as soon as it is so, false when `seconds` have passed. */
export async function until(isSo: () => boolean | Promise<boolean>, seconds = 30): Promise<boolean> {
  const deadline = performance.now() + seconds * 1_000
  while (!(await isSo())) {
    if (performance.now() > deadline) return false
    await sleep(10)
  }
  return true
}

/** From `/proc` on Linux, as slim container images have no `ps`. */
function listProcesses(): readonly Row[] {
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

/** `/proc/PID/stat` is "pid (name) state parent …", where the name may itself hold blanks and brackets. */
function readProcess(pid: string): readonly Row[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return [{ pid: Number(pid), parent: Number(parent), state }]
  } catch {
    return [] // ended since the folder was read
  }
}
