import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import { openDatabase } from '../../src/storage/open.ts'
import { clients, tokenPairs } from '../../src/storage/schema.ts'
import { type RunningPostgres, startPostgres } from '../support/postgres.ts'

let postgres: RunningPostgres
beforeAll(async () => {
  postgres = await startPostgres({ settings: { max_connections: '100' } })
})
afterAll(() => postgres.stop())

const open = (url: string) => openDatabase({ kind: 'postgres', url, directUrl: url })

test('twenty that start at once on an empty database all start, and one of them makes the admin', async () => {
  const url = await postgres.createDatabase('twenty')

  const opened = await Promise.all(Array.from({ length: 20 }, () => open(url)))
  const admin = { id: 'admin', secretDigest: new Uint8Array(32), scopes: [] }
  const added = await Promise.all(opened.map((database) => createClientStore(database).addFirstClient(admin)))

  expect(added.filter(Boolean)).toHaveLength(1)
  expect(await opened[0]?.db.$count(clients)).toBe(1)
  await Promise.all(opened.map((database) => database.close()))
})

test('a second start does no harm', async () => {
  const url = await postgres.createDatabase('second')
  const first = await open(url)
  await first.db.execute(
    sql`insert into token_pairs values (1, 1, now(), now(), now(), 0, default, 'r', 'u', 'c', '', '', null, now())`,
  )
  await first.close()

  const second = await open(url)

  expect(await second.db.$count(tokenPairs)).toBe(1)
  await second.close()
})

test('the migrations are what the tables in src/storage say: drizzle-kit has nothing to add', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-drizzle-'))
  try {
    // drizzle-kit puts "./" before the folder, so it must be relative. A copy: what drizzle-kit would add must not be added by a test.
    await cp('drizzle', folder, { recursive: true })
    const flags = ['--dialect=postgresql', '--schema=src/storage/schema.ts', `--out=${relative('.', folder)}`]

    const { stdout } = await promisify(execFile)('node_modules/.bin/drizzle-kit', ['generate', ...flags])

    expect(stdout).toContain('No schema changes, nothing to migrate')
  } finally {
    await rm(folder, { recursive: true })
  }
})
