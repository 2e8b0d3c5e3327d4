import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mintSecrets } from '../../src/tokens/token.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'env-file-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Runs a command in a folder with this `.env` file and without settings in the environment. */
async function runWith(content: string | Uint8Array, args: readonly string[], input = '') {
  await writeFile(join(folder, '.env'), content)
  const env = { PATH: process.env['PATH'] }
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('dist/cli.js'), ...args], {
    ...{ cwd: folder, env, input, encoding: 'utf8', timeout: 100_000 },
  })
  return { status, stdout, stderr, files: await readdir(folder) }
}

const url = 'DATABASE_URL=mysql://app:hunter2@db/tokens\n'
const commands: readonly (readonly [args: string, input: string])[] = [
  ['serve', ''],
  ['migrate', ''],
  ['client create login --scope create_token', ''],
  ['client list', ''],
  ['client rotate-secret login', ''],
  ['client replace-secret login', ''],
  ['client update login --scope create_token', ''],
  ['client disable login', ''],
  ['client enable login', ''],
  ['client delete login', ''],
  ['invalidate --everything', ''],
  ['invalidate --token-stdin', mintSecrets().accessToken({ slot: 0, id: 1 }, new Date())],
  ['revocations', ''],
  ['restored --nothing-lost', ''],
]

test('a byte order mark is skipped, so the setting after it holds', async () => {
  const { status, stdout, stderr, files } = await runWith(`\ufeff${url}`, ['migrate'])

  expect([status, stdout, files]).toEqual([1, '', ['.env']])
  expect(stderr).toContain('DATABASE_URL must look like postgres://')
})

test.each(commands)('a file that is not understood stops `%s` before a database is opened', async (args, input) => {
  const answer = await runWith(`PORT=0\n${url.replace('=', ': ')}`, args.split(' '), input)

  expect(answer).toEqual({
    status: 1,
    stdout: '',
    stderr:
      'The file .env is wrong in line 2: expected NAME=value, a comment or nothing. A value with # in it, or with a quote at its start, must be in quotes that end.\n',
    files: ['.env'],
  })
})

test.each([
  ['UTF-16', Buffer.from(`\ufeff${url}`, 'utf16le'), 'The file .env looks like UTF-16: save it as UTF-8.\n'],
  ['Latin-1', Buffer.from(`# é\n${url}`, 'latin1'), 'The file .env is not UTF-8 in line 1.\n'],
])('a file in %s is one clear fault', async (_name, content, stderr) => {
  expect(await runWith(content, ['migrate'])).toEqual({ status: 1, stdout: '', stderr, files: ['.env'] })
})
