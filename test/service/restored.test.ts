import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { basic } from '../support/basic.ts'
import { runCommand, runProcess, startProcess } from '../support/process.ts'

const secret = 'a-secret-for-tests-of-32-characters'
const authorization = basic('admin', secret)

let postgres: RunningPostgres
let folder: string
beforeAll(async () => {
  postgres = await startPostgres()
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-restored-'))
})
afterAll(async () => {
  await postgres.stop()
  await rm(folder, { recursive: true })
})

async function ask(url: string, query: string) {
  const headers = { 'content-type': 'application/json', authorization }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails when it is not there
  const { data }: any = await response.json()
  return data
}
const login = async (url: string): Promise<string> =>
  (await ask(url, 'mutation { createTokenPair(input: { realmName: "r", username: "u" }) { accessToken } }'))
    .createTokenPair.accessToken
const isActive = async (url: string, token: string): Promise<boolean> =>
  (await ask(url, `{ introspectToken(token: "${token}") { active } }`)).introspectToken.active

test('a copied database is not served before `restored`, and the other commands warn of it', async () => {
  const original = { DATABASE_URL: await postgres.createDatabase('original'), ADMIN_SECRET: secret }
  const first = await startProcess(original)
  const token = await login(first.url)
  await first.end()
  const copied = { ...original, DATABASE_URL: await postgres.createDatabase('copied', 'original') }

  const refused = await runProcess(copied)
  const warned = await runCommand(['client', 'list', '--json'], copied)
  const counted = await runCommand(['restored', '--dry-run', '--json'], copied)
  const completed = await runCommand(['restored', '--json'], copied)
  const again = await startProcess(copied)

  expect(refused.code).toBe(1)
  expect(refused.output).toMatch(
    /^The database was restored from a backup or copied: it was last used as another database of this PostgreSQL server\. .*Run `invalidate-token restored`/m,
  )
  expect([warned.code, JSON.parse(warned.stdout)]).toMatchObject([0, [{ id: 'admin' }]])
  expect(warned.stderr).toMatch(/^Warning: this database was restored from a backup or copied .*\n$/)
  expect(JSON.parse(counted.stdout)).toMatchObject({ dryRun: true, invalidatedTokens: 2, revocation: null })
  expect([completed.code, completed.stderr]).toEqual([0, ''])
  expect(JSON.parse(completed.stdout)).toEqual({
    noticed: 'last used as another database of this PostgreSQL server',
    invalidatedTokens: 2,
    previouslyInvalidatedTokens: 0,
    revocation: expect.stringMatching(/^\d{13,}$/),
    epoch: expect.stringMatching(/^\d+-1-\d{13}$/),
    nothingLost: false,
    dryRun: false,
    database: expect.stringContaining('/copied'),
  })
  expect(await isActive(again.url, token)).toBe(false)
  expect(await isActive(again.url, await login(again.url))).toBe(true)
  await again.end()
  const record = await runCommand(['revocations', '--json'], copied)
  expect(JSON.parse(record.stdout)).toMatchObject([
    { selector: 'everything', invalidatedBy: `operator:${userInfo().username}`, comment: 'database restored' },
  ])
})

test('the same command completes the restore of an embedded folder that was copied back', async () => {
  const environment = { DATA_DIR: join(folder, 'data'), ADMIN_SECRET: secret }
  const first = await startProcess(environment)
  const token = await login(first.url)
  const inUse = await runCommand(['restored', '--json'], environment)
  await first.end()
  await cp(join(folder, 'data'), join(folder, 'backup'), { recursive: true })
  await runCommand(['invalidate', '--everything'], environment)
  await rm(join(folder, 'data'), { recursive: true })
  await cp(join(folder, 'backup'), join(folder, 'data'), { recursive: true })

  const completed = await runCommand(['restored'], environment)
  const again = await startProcess(environment)

  expect(JSON.parse(inUse.stderr)).toMatchObject({ error: { code: 'ERR_DATA_DIR_IN_USE' } })
  expect(completed).toMatchObject({ code: 0, stderr: '' })
  expect(completed.stdout).toMatch(/^Noticed +nothing: .*\nInvalidated +2\n/)
  expect(await isActive(again.url, token)).toBe(false)
  await again.end()
})

test('to say that nothing was lost and since when is wrong usage', async () => {
  const options = ['restored', '--nothing-lost', '--since', '2026-01-01T00:00:00Z']

  expect(await runCommand(options, { DATA_DIR: folder })).toMatchObject({ code: 2, stdout: '' })
})
