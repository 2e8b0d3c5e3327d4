import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../scripts/lib/processes.ts'
import { describeFault } from '../../src/commands/fault.ts'
import type { Database } from '../../src/storage/engine/database.ts'
import { guardOf } from '../../src/storage/engine/identity.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { type CommandEnd, runCommand, runProcess, spawnBin, startProcess } from '../support/process.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-disk-'))
})
afterAll(() => rm(folder, { recursive: true }))

const mib = 1024 * 1024

// Only root may mount a file system.
describe.skipIf(process.getuid?.() !== 0)('on a disk of 70 MiB', () => {
  let disk: string
  let environment: { readonly DATA_DIR: string; readonly ADMIN_SECRET: string }
  beforeAll(async () => {
    disk = await mkdtemp(join(folder, 'disk-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=70m', 'tmpfs', disk])
    environment = { DATA_DIR: join(disk, 'data'), ADMIN_SECRET: secret }
  })
  afterEach(() => free())
  afterAll(() => void execFileSync('umount', [disk]))

  /** Uses the disk up, but for so many bytes. */
  async function fill(left: number): Promise<void> {
    const { bfree, bsize } = await statfs(disk)
    await writeFile(join(disk, 'fill'), Buffer.alloc(Math.max(0, bfree * bsize - left)))
  }
  const free = () => rm(join(disk, 'fill'), { force: true })
  const full =
    /^There is no space left on the disk of the folder .*: make room there, .* \((ENOSPC|53100): [^\n]+\)\n?$/

  function expectRefused({ code, stderr }: Pick<CommandEnd, 'code' | 'stderr'>): void {
    expect(stderr).toMatch(full)
    expect(code).toBe(1)
  }

  // A new database takes about 40 MiB.
  test.each([0, 16 * mib, 36 * mib, 38 * mib])(
    'with %d bytes left, a first start says so, and one with space goes on',
    async (left) => {
      await rm(environment.DATA_DIR, { recursive: true, force: true })
      await fill(left)

      const refused = await runCommand(['migrate'], environment)
      await free()

      expectRefused(refused)
      expect(await runCommand(['migrate'], environment)).toMatchObject({ code: 0, stderr: '' })
    },
  )

  test('a later start says so, and one with space goes on', async () => {
    await runCommand(['migrate'], environment)
    await fill(0)

    const { code, output } = await runProcess(environment)
    await free()

    expectRefused({ code, stderr: output })
    const service = await startProcess(environment)
    expect(await service.end()).toBe(0)
  })

  test('a running service answers 503 and reports why, goes on when there is space, and stops', async () => {
    const service = await startProcess(environment)
    const login = async () => {
      const query = `mutation { createTokenPair(input: { realmName: "r", username: "u", device: { userAgent: "${'x'.repeat(500)}" } }) { expiresIn } }`
      const headers = { 'content-type': 'application/json', authorization: basic }
      const response = await fetch(service.url, { method: 'POST', headers, body: JSON.stringify({ query }) })
      return { status: response.status, ...(await response.json()) }
    }
    await fill(0)

    let answer = await login()
    for (let tries = 0; tries < 2000 && answer.errors === undefined; tries++) answer = await login()
    await free()

    expect(answer.errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }])
    expect(service.output()).toMatch(/"event":"database_unreachable".*No space left on device/)
    expect((await login()).data).toEqual({ createTokenPair: { expiresIn: 1200 } })
    expect(await service.end()).toBe(0)
  })

  const secret = 'a-secret-for-tests-of-32-characters'
  const basic = `Basic ${Buffer.from(`admin:${secret}`).toString('base64')}`
})

test('a first start that was killed leaves nothing that a later start takes for a database', async () => {
  const environment = { DATA_DIR: join(folder, 'killed') }
  const exists = (path: string) =>
    access(join(environment.DATA_DIR, path)).then(
      () => true,
      () => false,
    )
  const killed = spawnBin(['migrate'], environment)
  await until(() => exists('pglite/PG_VERSION'))
  killed.kill('SIGKILL')
  await once(killed, 'close')
  expect(await exists('unfinished')).toBe(true)

  const none = await runCommand(['client', 'list'], environment)
  const made = await runCommand(['migrate'], environment)

  expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/^There is no database in the folder /)])
  expect([made.code, await exists('unfinished')]).toEqual([0, false])
  expect(await runCommand(['client', 'list'], environment)).toMatchObject({ code: 0 })
})

/** The functions by which PGlite uses files. It never calls `fsync`. */
const operations = { open: 'openSync', read: 'readSync', write: 'writeSync' } as const
type Operation = keyof typeof operations

interface Fault {
  readonly code: string
  readonly errno?: number
}

/** Of disk quotas Node knows the number only. */
const quota = { code: 'Unknown system error -122', errno: -122 }
/** Every errno that these may have, and that has to do with files. */
const faults: readonly (readonly [operation: Operation, fault: { readonly code: string; readonly errno?: number }])[] =
  [
    ...(['ENOSPC', 'EIO', 'EROFS', 'EFBIG', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE'] as const).map(
      (code) => ['write', { code }] as const,
    ),
    ['write', quota],
    ...(['ENOSPC', 'EIO', 'EROFS', 'EACCES', 'EMFILE', 'ENFILE', 'ENOMEM'] as const).map(
      (code) => ['open', { code }] as const,
    ),
    ...(['EIO', 'ENOMEM', 'ESTALE'] as const).map((code) => ['read', { code }] as const),
  ]

/** Has PGlite's calls of an operation fail, and no others, until the returned function is called. */
function fail(operation: Operation, fault: Fault): () => void {
  const fs = createRequire(import.meta.url)('node:fs')
  const name = operations[operation]
  const real = fs[name]
  fs[name] = (...given: readonly unknown[]) => {
    if (!new Error('where').stack?.includes('@electric-sql/pglite')) return real(...given)
    throw Object.assign(new Error(`${fault.code}: ${operation}`), fault)
  }
  return () => {
    fs[name] = real
  }
}

describe('whatever the operating system refuses', () => {
  const open = (name: string) => openDatabase({ kind: 'embedded', folder: join(folder, name) })
  let database: Database
  beforeAll(async () => {
    database = await open('running')
  })
  afterAll(() => database.close())

  // To make a database takes seconds; test/unit/file-faults.test.ts has the others.
  test.each<[operation: Operation, fault: Fault, sentence: RegExp]>([
    [
      'write',
      { code: 'ENOSPC' },
      /^There is no space left on the disk of the folder .* \(ENOSPC: no space left on device\)$/,
    ],
    ['write', quota, /^There is no space left on the disk of the folder .* \(EDQUOT: disk quota exceeded\)$/],
    ['open', { code: 'EMFILE' }, /^The folder .* can't be used: raise the limits .* \(EMFILE: too many open files\)$/],
    ['open', { code: 'EROFS' }, /^The folder .* can't be used: choose another .* \(EROFS: read-only file system\)$/],
    ['read', { code: 'EIO' }, /^The database in the folder .* can't be opened/],
  ])(
    '%s fails with %j: a first start says so in one sentence, and a later one goes on',
    async (operation, fault, sentence) => {
      const heal = fail(operation, fault)

      const refusal: unknown = await open(`${operation}-${fault.code}`).catch((error: unknown) => error)
      heal()

      expect(describeFault(refusal).message).toMatch(sentence)
      await (await open(`${operation}-${fault.code}`)).close()
    },
  )

  // Of each, PGlite has read nothing before.
  const unread = ['pg_proc', 'pg_description', 'pg_conversion'].values()

  test.each(faults)(
    '%s fails with %j: a request is answered that the database is not available, and a later one goes on',
    async (operation, fault) => {
      const name = `t_${Math.random().toString(36).slice(2)}`
      const statement =
        operation === 'read' ? `select from ${unread.next().value}` : `create table ${name} (id text primary key)`
      const run = () => guardOf(database)(async () => database.db.execute(statement))
      const heal = fail(operation, fault)

      const refusal: unknown = await run().catch((error: unknown) => error)
      heal()

      expect(refusal).toMatchObject({
        code: 'ERR_STORAGE_UNAVAILABLE',
        cause: { message: expect.stringContaining('could not ') },
      })
      await run()
    },
  )
})
