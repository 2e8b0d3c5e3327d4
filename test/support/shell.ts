import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** One bash for all blocks of a page, as a reader has: variables, functions and files stay. */
export interface Shell {
  /** Answers all that the code printed, on both streams. */
  run(code: string): Promise<string>
  end(): Promise<void>
}

/** Opens it in a new empty folder. `invalidate-token` is the built bin, with this environment. */
export async function openShell(environment: Readonly<Record<string, string>>): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-shell-'))
  const bin = await mkdtemp(join(tmpdir(), 'invalidate-token-bin-'))
  const program = join(bin, 'invalidate-token')
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${join(process.cwd(), 'dist/cli.js')}' "$@"\n`)
  await chmod(program, 0o755)
  const path = [bin, process.env['PATH']].join(delimiter)
  const bash = spawn('bash', ['--noprofile', '--norc'], { cwd: folder, env: { ...environment, PATH: path } })
  bash.stdin.write('exec 2>&1\n')

  return {
    async run(code) {
      const file = join(bin, 'block.sh')
      await writeFile(file, code)
      // Not on bash's own standard input: a command that reads it would swallow what comes after it.
      bash.stdin.write(`source '${file}' < /dev/null\nprintf '%s' '${endMark}'\n`)
      return readToMark(bash)
    },
    async end() {
      const ended = once(bash, 'exit')
      bash.stdin.end()
      await ended
      await Promise.all([folder, bin].map((each) => rm(each, { recursive: true })))
    },
  }
}

const endMark = '\u0004end of block\u0004'

async function readToMark(bash: ChildProcessWithoutNullStreams): Promise<string> {
  const parts: Buffer[] = []
  const textSoFar = () => Buffer.concat(parts).toString()
  const ended = once(bash, 'exit').then(() => undefined)
  while (!textSoFar().endsWith(endMark)) {
    const [part] = (await Promise.race([once(bash.stdout, 'data'), ended])) ?? []
    if (part === undefined) throw new Error(`The shell ended in the middle of a block:\n${textSoFar()}`)
    parts.push(part)
  }
  return textSoFar().slice(0, -endMark.length)
}
