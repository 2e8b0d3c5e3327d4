import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from '../../src/storage/engine/folder-lock.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-lock-'))
})
afterEach(() => rm(folder, { recursive: true }))

const writeLock = (holder: unknown) =>
  writeFile(join(folder, 'lock'), typeof holder === 'string' ? holder : JSON.stringify(holder))

test('of twenty concurrent attempts one locks the folder, and after its release another can', async () => {
  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))
  const [winner, ...others] = attempts.filter((attempt) => attempt.status === 'fulfilled')

  expect(others).toEqual([])
  await winner?.value.release()
  await expect(lockFolder(folder)).resolves.toBeDefined()
})

test('the refusal names the process that holds the lock', async () => {
  await lockFolder(folder)

  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: 'ERR_DATA_DIR_IN_USE',
    message: expect.stringContaining(`in use by process ${process.pid} on ${hostname()}`),
  })
})

test('the lock of a process that has ended is taken over, and no other file is left behind', async () => {
  const ended = spawn('true')
  await once(ended, 'exit')
  await writeLock({ pid: ended.pid, host: hostname(), started: '1' })

  await lockFolder(folder)

  expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid })
  expect(await readdir(folder)).toEqual(['lock'])
})

test('a later process that has the same pid does not hold the lock', async () => {
  await writeLock({ pid: process.ppid, host: hostname(), started: 'long ago' })

  await expect(lockFolder(folder)).resolves.toBeDefined()
})

test('of twenty concurrent attempts that find the lock of an ended process one locks the folder', async () => {
  await writeLock({ pid: 2 ** 22 + 1, host: hostname(), started: '1' })

  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))

  expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test.each([{ pid: 1, host: 'another-host', started: '1' }, 'not JSON', '{}', 'null', ''])(
  'a holder that cannot be looked up counts as alive: %j',
  async (holder) => {
    await writeLock(holder)

    await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_IN_USE' })
  },
)
