import { readdirSync, readFileSync } from 'node:fs'

/** The kernel reports CPU time in ticks of this length (`getconf CLK_TCK` is 100 on every Linux). */
const tickMicros = 10_000

interface Stat {
  readonly parent: number
  readonly cpuMicros: number
  /** CPU time of children that have ended and were waited for. */
  readonly childrenMicros: number
}

/** CPU time of a process since its start: all threads, user and kernel. Linux only. */
export function cpuMicros(pid: number): number {
  return readStat(pid)?.cpuMicros ?? 0
}

/** CPU time of a PostgreSQL since its start: of the postmaster, of its children, and of children that have ended. */
export function postgresMicros(postmaster: number): number {
  const own = readStat(postmaster)
  const living = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat?.parent === postmaster)
  return living.reduce((sum, stat) => sum + (stat?.cpuMicros ?? 0), (own?.cpuMicros ?? 0) + (own?.childrenMicros ?? 0))
}

/** The peak memory of a process since its start, in units of 10^6 bytes. */
export function peakMb(pid: number): number {
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kib) * 1024) / 1e6
}

/** `/proc/PID/stat` is "pid (name) state parent …", where the name may contain blanks and brackets. */
function readStat(pid: number): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = (place: number) => Number(fields[place]) * tickMicros
    return { parent: Number(fields[1]), cpuMicros: ticks(11) + ticks(12), childrenMicros: ticks(13) + ticks(14) }
  } catch {
    return undefined // it ended after the folder was read
  }
}
