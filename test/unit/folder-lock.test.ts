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

const leave = (holder: unknown) =>
  writeFile(join(folder, 'lock'), typeof holder === 'string' ? holder : JSON.stringify(holder))

test('of twenty at once one has the folder, and after its release another', async () => {
  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))
  const [winner, ...others] = attempts.filter((attempt) => attempt.status === 'fulfilled')

  expect(others).toEqual([])
  await winner?.value.release()
  await expect(lockFolder(folder)).resolves.toBeDefined()
})

test('a holder that is alive is named in the refusal', async () => {
  await lockFolder(folder)

  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: 'ERR_DATA_DIR_IN_USE',
    message: expect.stringContaining(`in use by process ${process.pid} on ${hostname()}`),
  })
})

test('the lock of a process that is gone is taken over, and nothing else is left behind', async () => {
  const gone = spawn('true')
  await once(gone, 'exit')
  await leave({ pid: gone.pid, host: hostname(), started: '1' })

  await lockFolder(folder)

  expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid })
  expect(await readdir(folder)).toEqual(['lock'])
})

test('a pid that was given to a later process is not its holder', async () => {
  await leave({ pid: process.ppid, host: hostname(), started: 'long ago' })

  await expect(lockFolder(folder)).resolves.toBeDefined()
})

test('of twenty that find the lock of a dead process, one has the folder', async () => {
  await leave({ pid: 2 ** 22 + 1, host: hostname(), started: '1' })

  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))

  expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test.each([{ pid: 1, host: 'another-host', started: '1' }, 'not JSON', '{}', 'null', ''])(
  'whoever can not be looked up counts as alive: %j',
  async (holder) => {
    await leave(holder)

    await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'ERR_DATA_DIR_IN_USE' })
  },
)
