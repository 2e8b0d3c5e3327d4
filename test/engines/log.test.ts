import { sql } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import { repairRestoredRows } from '../../src/storage/engine/restored.ts'
import { deleteExpired } from '../../src/storage/retention.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import type { RevocationLog } from '../../src/tokens/revocation-log.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()
let log: RevocationLog
beforeAll(() => {
  log = createRevocationLog(service.database)
})

const issue = () => service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
async function end(count = 1): Promise<void> {
  for (let n = 0; n < count; n++) {
    const { accessToken } = await issue()
    await service.tokens.invalidate({ kind: 'access-token', token: accessToken }, admin)
  }
}
const all = async () => (await log.list({ ...everything, limit: 1000 })).map(({ revision }) => revision).toReversed()
const everything = { scope: undefined, sessionId: undefined, reason: undefined, before: undefined }

/** Reads page by page until there are no more rows. */
async function readAll(after: string | undefined, limit: number, upTo?: string) {
  const revisions: number[] = []
  const sizes: number[] = []
  const gaps: boolean[] = []
  for (let cursor = after; ; ) {
    const page = await log.readSince(cursor, { limit, upTo })
    revisions.push(...page.revocations.map(({ revision }) => revision))
    sizes.push(page.revocations.length)
    gaps.push(page.hasGap)
    cursor = page.cursor
    if (!page.hasMore) return { revisions, sizes, cursor, hasGap: gaps[0] }
  }
}

test('a read from the beginning answers every row once, page by page, and then none', async () => {
  await end(7)

  const read = await readAll(undefined, 3)

  expect(read.revisions).toEqual(await all())
  expect(read.sizes).toEqual([3, 3, 1, 0])
  expect(await log.readSince(read.cursor, { limit: 3 })).toMatchObject({
    revocations: [],
    hasGap: false,
    hasMore: false,
  })
})

test('a read continues after its cursor with pages of any size', async () => {
  await end(2)
  const { cursor } = await readAll(undefined, 10)
  await end(5)

  for (const limit of [1, 2, 5, 6]) expect((await readAll(cursor, limit)).revisions).toEqual((await all()).slice(2))
})

test('rows that are appended between two pages come after them, once', async () => {
  await end(3)
  const first = await log.readSince(undefined, { limit: 2 })
  await end(2)

  const rest = await readAll(first.cursor, 2)

  expect([...first.revocations.map(({ revision }) => revision), ...rest.revisions]).toEqual(await all())
})

test('a read up to a position stops there, and its cursor is that position', async () => {
  await end(2)
  const upTo = await log.position()
  await end(2)

  const read = await readAll(undefined, 10, upTo)

  expect([read.revisions, read.cursor]).toEqual([(await all()).slice(0, 2), upTo])
  expect((await readAll(upTo, 10)).revisions).toEqual((await all()).slice(2))
})

test('rows of one transaction may be split between pages, and none is lost', async () => {
  const before = await log.position()
  await service.database.db.execute(sql`
    insert into revocations (revision, selector, pair_id, at, caller)
    select nextval('revision'), 'access_token', n, now(), 'test' from generate_series(1, 10) n`)

  expect((await readAll(before, 3)).revisions).toEqual(await all())
  expect((await readAll(undefined, 3)).revisions).toEqual(await all())
})

describe('after revocations were deleted', () => {
  const deleteAll = async () => {
    service.clock.advance(3 * 86_400)
    await deleteExpired(service.database, { revocationDays: 0, clock: service.clock.now })
  }

  /**
   * Answers a cursor from a moment without open transactions, which other tests on the same server may have. With a
   * cursor from during one, a read after the end of that transaction may report a gap that does not exist.
   */
  async function readCursorAtRest(): Promise<string> {
    for (;;) {
      const { cursor } = await readAll(undefined, 10)
      if (/:$/.test(Buffer.from(cursor, 'base64url').toString().split(' ')[2] ?? '')) return cursor
    }
  }

  test('a cursor from before them reports a gap, and begins again with the rows that are kept', async () => {
    const old = await log.position()
    await end(2)
    await deleteAll()
    await end(2)

    const [first, second] = await all()
    const page = await log.readSince(old, { limit: 1 })
    const rest = await log.readSince(page.cursor, { limit: 1 })

    expect(page).toMatchObject({ hasGap: true, hasMore: true, revocations: [{ revision: first }] })
    expect(rest).toMatchObject({ hasGap: false, revocations: [{ revision: second }] })
  })

  test('a cursor from after them continues without a gap', async () => {
    await end(2)
    const cursor = await readCursorAtRest()
    await deleteAll()
    await end(2)

    expect(await readAll(cursor, 10)).toMatchObject({ hasGap: false, revisions: await all() })
  })

  test('a read from the beginning reports no gap', async () => {
    await end(2)
    await deleteAll()

    expect(await readAll(undefined, 10)).toMatchObject({ hasGap: false, revisions: [] })
  })
})

describe('after the database was replaced', () => {
  /** Changes the parts of a cursor. */
  const rewrite = (cursor: string, change: (parts: string[]) => void) => {
    const parts = Buffer.from(cursor, 'base64url').toString().split(' ')
    change(parts)
    return Buffer.from(parts.join(' ')).toString('base64url')
  }

  test('a cursor from the future reports a gap, and begins again', async () => {
    await end(2)
    const future = rewrite(await log.position(), (parts) => {
      parts[2] = '999999999999:999999999999:'
    })

    expect(await readAll(future, 10)).toMatchObject({ hasGap: true, revisions: await all() })
  })

  test.each([
    ['another cluster', (epoch: string) => epoch.replace(/^\d+/, '1')],
    ['another timeline', (epoch: string) => epoch.replace(/-\d+-/, '-99-')],
    ['before a restore', (epoch: string) => epoch.replace(/-\d+$/, '-1')],
    ['an earlier version, which has only the cluster', (epoch: string) => epoch.replace(/-.*$/, '')],
  ])('a cursor of %s reports a gap, and begins again', async (_, change) => {
    await end(2)
    const foreign = rewrite(await log.position(), (parts) => {
      parts[1] = change(parts[1] ?? '')
    })

    expect(await readAll(foreign, 10)).toMatchObject({ hasGap: true, revisions: await all() })
  })

  test('restored rows whose transaction ids are in the future are read, once', async () => {
    await end(2)
    await service.database.db.execute(sql`update revocations set xid = '888888888888'`)
    await service.database.db.execute(sql`insert into forgotten_revocations (up_to) values ('777777777777')`)
    expect((await readAll(await log.position(), 10)).revisions).toEqual([])

    await repairRestoredRows(service.database)

    const read = await readAll(undefined, 10)
    expect(read.revisions).toEqual(await all())
    expect(await readAll(read.cursor, 10)).toMatchObject({ revisions: [], hasGap: false })
  })
})

test('a text that is not a cursor of the service is refused before it reaches the database', async () => {
  const write = (text: string) => Buffer.from(text).toString('base64url')
  const position = await log.position()
  const [, cluster = ''] = Buffer.from(position, 'base64url').toString().split(' ')
  const snapshots = [
    '5:4:',
    '0:4:',
    '1:4:5',
    '1:9:3,2',
    '1:9:3,3',
    '1:9',
    '1:9:3,',
    '01:9:',
    '1:99999999999999999999:',
    "1:9:'",
  ]
  const bad = [
    '',
    ' ',
    'x',
    '7',
    `${position}=`,
    `${position} `,
    position.slice(1),
    write('2 1 1:1:'),
    write('1 x 1:1:'),
    write(`1 ${cluster} -`),
    write(`1 ${cluster} 1:1: 1:1: 1`),
    write(`1 ${cluster} 1:1: 1:1: 1 x`),
    write(`1 ${cluster} 1:1: 1:1: 1 1 1`),
    write(`1 ${cluster} 1:1:\0`),
    'A'.repeat(100_000),
    ...snapshots.map((snapshot) => write(`1 ${cluster} ${snapshot}`)),
    ...snapshots.map((snapshot) => write(`1 ${cluster} - ${snapshot} 1 1`)),
  ]

  for (const cursor of bad)
    await expect(log.readSince(cursor, { limit: 1 }), cursor).rejects.toMatchObject({ code: 'ERR_BAD_INPUT' })
})

test('the revocation that ended a token is the first of those that cover it', async () => {
  const alice = { realm: 'staff', username: 'alice' }
  const { accessToken, session } = await issue()
  const caller = await service.tokens.authenticate({ kind: 'bearer', token: accessToken })
  const { pair } = caller.kind === 'owner' ? caller.token : expect.unreachable()
  expect(await log.findEnding(pair)).toBeUndefined()

  await service.tokens.invalidate({ kind: 'session', id: session.id }, admin)
  await service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...alice } }, admin)

  expect(await log.findEnding(pair)).toMatchObject({ selector: 'session', sessionId: session.id })
})
