import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

/** The service in its own process, as `npm start` runs it. Requires a build. */
export interface RunningService {
  readonly url: string
  /** All that it has printed so far, on both streams. */
  readonly output: () => string
  /** The `Basic …` credentials that the first start prints for operators; undefined at later starts. */
  readonly authorization: string | undefined
  readonly process: ChildProcess
  /** Sends the signal and answers the exit code, which is null after a kill. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

type Environment = Readonly<Record<string, string>>

/** Starts the service on a free port and waits until it prints that it is ready. */
export async function startProcess(environment: Environment): Promise<RunningService> {
  const { child, output } = launch(['serve'], { PORT: '0', ...environment })
  const ended = once(child, 'exit')
  while (!output().includes('/graphql')) {
    const [code] = await Promise.race([once(child.stdout, 'data').then(() => [undefined]), ended])
    if (code !== undefined) throw new Error(`The service ended with ${code}:\n${output()}`)
  }
  return {
    url: /http:\S+/.exec(output())?.[0] ?? '',
    output,
    authorization: /"(Basic \S+)"/.exec(output())?.[1],
    process: child,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal)
      await ended
      return child.exitCode
    },
  }
}

/** Runs the service until it ends by itself. */
export async function runProcess(
  environment: Environment,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const { child, output } = launch(['serve'], { PORT: '0', ...environment })
  await once(child, 'close')
  return { code: child.exitCode, output: output() }
}

/** How a command ended, and what it printed on each stream. */
export interface CommandEnd {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command of the command line until it ends by itself, with `input` on its standard input. */
export async function runCommand(args: readonly string[], environment: Environment, input = ''): Promise<CommandEnd> {
  const child = spawnBin(args, environment)
  // The command may end without reading its input.
  child.stdin.on('error', () => undefined).end(input)
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Starts the bin in the project's folder. The service reads `.env` from its working folder; the project has none. */
export function spawnBin(args: readonly string[], environment: Environment) {
  const child = spawn(process.execPath, ['dist/cli.js', ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: 'pipe',
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

function launch(args: readonly string[], environment: Environment) {
  const child = spawnBin(args, environment)
  child.stdin.end()
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
  return { child, output: () => printed }
}
