import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from '../../src/storage/engine/folder-lock.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-lock-'))
})
afterEach(() => rm(folder, { recursive: true }))

const refused = { code: 'ERR_DATA_DIR_IN_USE' }

/** Another process that locks the folder, and prints `locked` or `refused`. It lives until it is killed. */
function lockElsewhere(wrapper: readonly string[] = []) {
  const code = `import { lockFolder } from ${JSON.stringify(new URL('../../src/storage/engine/folder-lock.ts', import.meta.url).href)}
    lockFolder(${JSON.stringify(folder)}).then(() => console.log('locked'), () => console.log('refused'))
    setInterval(() => {}, 1000)`
  const [program = '', ...args] = [...wrapper, process.execPath, '--import', 'tsx', '--input-type=module', '-e', code]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const answer = once(child.stdout, 'data').then(([line]) => String(line).trim())
  const kill = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { answer, kill }
}

const inAnotherContainer = ['unshare', '--pid', '--uts', '--mount-proc', '--fork', '--kill-child']
/** Only root may make namespaces, and not everywhere. */
const cannotUnshare = (() => {
  try {
    execFileSync('unshare', [...inAnotherContainer.slice(1), 'true'], { stdio: 'ignore' })
    return false
  } catch {
    return true
  }
})()

test('of twenty concurrent attempts one locks the folder, and after its release another can', async () => {
  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))
  const [winner, ...others] = attempts.filter((attempt) => attempt.status === 'fulfilled')

  expect(others).toEqual([])
  await winner?.value.release()
  await expect(lockFolder(folder)).resolves.toBeDefined()
})

test('of twenty concurrent attempts after a crash one locks the folder', async () => {
  const holder = lockElsewhere()
  expect(await holder.answer).toBe('locked')
  await holder.kill()

  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))

  expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('of eight processes one locks the folder', { timeout: 60_000 }, async () => {
  const processes = Array.from({ length: 8 }, () => lockElsewhere())

  const answers = await Promise.all(processes.map(({ answer }) => answer))

  expect(answers.toSorted()).toEqual(['locked', ...Array<string>(7).fill('refused')])
  await Promise.all(processes.map(({ kill }) => kill()))
})

test('the refusal names the process that holds the lock', async () => {
  await lockFolder(folder)

  await expect(lockFolder(folder)).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining(`in use by process ${process.pid} on ${hostname()}`),
  })
})

test('a process that was killed holds nothing, and few files are left behind', async () => {
  for (let crash = 0; crash < 3; crash++) {
    const holder = lockElsewhere()
    expect(await holder.answer).toBe('locked')
    await expect(lockFolder(folder)).rejects.toMatchObject(refused)
    await holder.kill()
  }

  await lockFolder(folder)

  expect((await readdir(folder)).toSorted()).toEqual(['holder', 'lock.4'])
})

test.skipIf(cannotUnshare)(
  'a process in another container, which has the same pid and host name, is seen',
  async () => {
    const holder = lockElsewhere(inAnotherContainer)
    expect(await holder.answer).toBe('locked')

    await expect(lockFolder(folder)).rejects.toMatchObject(refused)
    await holder.kill()
    await expect
      .poll(() =>
        lockFolder(folder).then(
          () => 'locked',
          () => 'refused',
        ),
      )
      .toBe('locked')
  },
)

test('a lock that was left behind by another host, or by an earlier version, does not block', async () => {
  await writeFile(join(folder, 'lock'), JSON.stringify({ pid: 1, host: 'another-host', started: '1' }))
  await writeFile(join(folder, 'holder'), 'process 1 on another-host')

  await expect(lockFolder(folder)).resolves.toBeDefined()
})

test('a folder whose path is longer than that of a socket may be can be locked', async () => {
  const deep = join(folder, 'a'.repeat(100), 'b'.repeat(100))
  await mkdir(deep, { recursive: true })

  await lockFolder(deep)

  await expect(lockFolder(deep)).rejects.toMatchObject(refused)
})
