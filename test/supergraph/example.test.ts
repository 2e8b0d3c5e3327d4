import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { openTestService, type TestService } from '../support/service.ts'

let service: TestService
let example: ChildProcess
let printed = ''
beforeAll(async () => {
  service = await openTestService()
  const [program = '', ...args] = packageJson.scripts['example:supergraph'].split(' ')
  example = spawn(`node_modules/.bin/${program}`, args, {
    env: { PATH: process.env['PATH'], PORT: '0', DATABASE_URL: service.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve, reject) => {
    example.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      if (printed.includes('Authorization: Basic')) resolve(undefined)
    })
    example.once('exit', (code) => reject(new Error(`The example ended with ${code}: ${printed}`)))
  })
})
afterAll(async () => {
  if (example.exitCode === null) example.kill('SIGKILL')
  await service.close()
})

/** Runs a command that the example has printed. */
async function run(command: string | undefined): Promise<unknown> {
  const { stdout } = await promisify(execFile)('bash', ['-c', command ?? 'false'])
  return JSON.parse(stdout)
}

test('the example’s supergraph answers the commands that it prints, and stops on SIGTERM', async () => {
  const [join, logOut] = printed.match(/^curl .*\\\n.*$/gm) ?? []

  expect(await run(join)).toMatchObject({
    data: {
      user: {
        name: 'Alice',
        tokenOwner: { sessions: { nodes: [{ device: { label: 'the example' }, isCurrent: true }] } },
      },
    },
  })
  expect(await run(logOut)).toEqual({ data: { invalidateToken: { invalidatedTokens: 2 } } })
  await expect
    .poll(() => run(join))
    .toEqual({ errors: [{ message: 'The access token is not valid.', extensions: { code: 'UNAUTHENTICATED' } }] })

  example.kill('SIGTERM')
  expect(await once(example, 'exit')).toEqual([0, null])
})
