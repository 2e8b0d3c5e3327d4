import pg from 'pg'
import { expect, test } from 'vitest'
import { createClientStore } from '../../src/storage/client-store.ts'
import type { Database } from '../../src/storage/engine/database.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { createTokens } from '../../src/tokens/tokens.ts'
import { admin, openTestService } from '../support/service.ts'
import { type SentStatement, statementsOf } from '../support/statements.ts'

/** The number of rows that a busy service appends between two runs of autovacuum. */
const grown = 4_000

test.each([
  ['each verb', (url: string) => url],
  // Behind a pooler each statement is planned anew each time. A list or a count is then planned by statistics that may
  // be a minute old, so only the verbs on one token are tested.
  ['behind a pooler, each verb on one token', (url: string) => `${url}?`],
])('%s reads few rows, also when the tables have grown since its statements were planned', async (_, directUrl) => {
  const service = await openTestService()
  const url = service.url ?? expect.unreachable()
  const isPooled = directUrl(url) !== url
  const observer = new pg.Client({ connectionString: url })
  await observer.connect()
  const connectedBefore = await connections(observer)
  // Which the service needs behind a pooler, where it can set nothing.
  await observer.query(
    "do $$ begin execute format('alter database %I set statement_timeout = 10000', current_database()); end $$",
  )
  const database = await openDatabase({ kind: 'postgres', url, directUrl: directUrl(url) })
  const tokens = createTokens({
    store: createTokenStore(database),
    log: createRevocationLog(database),
    clients: createClientStore(database),
    lifetimes: { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 },
    clock: service.clock.now,
  })
  const issue = (username: string) => tokens.issue({ owner: { realm: 'staff', username } }, admin)
  const runVerbs = async (pair: IssuedPair) => {
    await tokens.introspect(pair.accessToken, admin)
    const owner = await tokens.authenticate({ kind: 'bearer', token: pair.accessToken })
    const refreshed = await tokens.refresh(pair.refresh?.token ?? 'none')
    if (refreshed.outcome === 'refused') throw new Error(refreshed.reason)
    await tokens.invalidate({ kind: 'access-token', token: refreshed.pair.accessToken }, admin)
    if (isPooled) return
    await tokens.findSession(pair.session.id, owner)
    await tokens.listSessions({ limit: 10 }, owner)
    await tokens.listSessions({ scope: { kind: 'username', username: 'bob' }, limit: 10 }, admin)
    await tokens.listRevocations({ limit: 3 }, owner)
    await tokens.listRevocations({ scope: { kind: 'realm', realm: 'staff' }, limit: 3 }, admin)
    await tokens.listRevocations({ scope: { kind: 'client', clientId: 'admin' }, limit: 3 }, admin)
    await tokens.invalidate({ kind: 'session', id: pair.session.id }, admin)
    await tokens.invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...pair.session.owner } }, admin)
  }
  const pairs = [await issue('alice'), await issue('bob'), await issue('carol')]
  // From here on the planner's statistics are those of tables with few rows or none.
  await observer.query('vacuum analyze')
  for (const pair of pairs.slice(0, 2)) await runVerbs(pair)

  await grow(observer)
  const before = await rowsRead(observer)
  for (const pair of pairs.slice(2)) await runVerbs(pair)
  // A server process reports what it has read when it ends, at the latest.
  await database.close()
  await expect.poll(() => connections(observer)).toEqual(connectedBefore)
  const read = (await rowsRead(observer)) - before
  expect(read).toBeGreaterThan(10)
  expect(read).toBeLessThan(grown / 10)
  await observer.end()
  await service.close()
})

/** One client's sessions, all of them in one realm. */
const sessions = 5_000
/** Of each kind: of the client, of everything, of the realm, of one of its usernames. */
const sweeps = 500

test('a count reads each session a few times at most, however often each was swept', async () => {
  const { observer, tokens, database, close } = await openSwept(addSweeps)
  const countedBy = async (target: InvalidationTarget) => {
    const count = () => tokens.invalidate(target, admin, { dryRun: true })
    return rowsHandled(observer, await statementsOf({ db: database.scanner }, count))
  }

  const handled = {
    everything: await countedBy({ kind: 'everything' }),
    realm: await countedBy({ kind: 'owner', scope: { kind: 'realm', realm: 'staff' } }),
    client: await countedBy({ kind: 'client', clientId: 'admin' }),
  }

  const most = 100 * (sessions + 4 * sweeps)
  expect(Object.entries(handled).filter(([, rows]) => rows > most)).toEqual([])
  await close()
})

test.each([
  // The index of clients has 4,096 session ids under one key.
  ['few sessions', async () => undefined, { statements: 3, rows: 2 * 4096 }],
  ['the sweeps and few sessions, if the client was swept often', addSweeps, { statements: 3, rows: 20 * sweeps }],
  ['what the revocation of a realm has ended in one statement', endRealm, { statements: 3, rows: 3 * sessions }],
])('a page of a client’s sessions reads %s', async (_, prepare, most) => {
  const { url, observer, tokens, database, close } = await openSwept(prepare)
  const scope = { kind: 'client', clientId: 'admin' } as const
  const { session: live } = await tokens.issue({ owner: { realm: 'guests', username: 'bob' } }, admin)
  const listFrom = (opened: Database) =>
    createTokenStore(opened).listSessions({ scope, includeEnded: false, before: undefined, limit: 10, at: new Date(0) })

  const listed = await listFrom(database)
  expect(listed[0]?.id).toBe(live.id)
  expect((await statementsOf(database, () => listFrom(database))).length).toBeLessThanOrEqual(most.statements)
  // As the service plans it: by its own settings, and with parameters that are not known.
  const connectedBefore = await connections(observer)
  const readBefore = await rowsRead(observer)
  const opened = await openDatabase({ kind: 'postgres', url, directUrl: url })
  await listFrom(opened)
  await opened.close()
  await expect.poll(() => connections(observer)).toEqual(connectedBefore)
  expect((await rowsRead(observer)) - readBefore).toBeLessThan(most.rows)
  await close()
})

/** A service on a database with many sessions and with sweeps, both known to the planner. */
async function openSwept(addSweepsTo: (observer: pg.Client) => Promise<unknown>) {
  const service = await openTestService()
  const url = service.url ?? expect.unreachable()
  const observer = new pg.Client({ connectionString: url })
  await observer.connect()
  await service.tokens.issue({ owner: { realm: 'staff', username: 'user-0' } }, admin)
  await observer.query(`
    insert into token_pairs (id, session_id, slot, realm, username, client_id, scopes, issued_at,
      access_expires_at, expires_at, access_digest, refresh_digest)
    select 1000 + n, 1000 + n, slot, 'staff', 'user-' || n % 10, 'admin', '', issued_at, access_expires_at, expires_at, '', ''
    from (select * from token_pairs limit 1) one, generate_series(1, ${sessions}) n`)
  await observer.query(`select setval('revision', ${1000 + sessions})`)
  await addSweepsTo(observer)
  await observer.query('vacuum analyze')
  const close = () => observer.end().then(service.close)
  return { url, observer, tokens: service.tokens, database: service.database, close }
}

/** Each spares a session, because what a sweep of the whole scope covered without exception is not read again. */
async function addSweeps(observer: pg.Client): Promise<void> {
  const kinds = [
    ['client_id', `'admin'`],
    ['everything', 'true'],
    ['realm', `'staff'`],
    ['realm, username', `'staff', 'user-1'`],
  ]
  for (const [columns, names] of kinds)
    await observer.query(`
      insert into revocations (revision, selector, bound, at, caller, spared_session_id, ${columns})
      select revision, 'owner', revision, now(), 'test', 1000 + revision % ${sessions}, ${names}
      from (select nextval('revision') as revision from generate_series(1, ${sweeps})) numbered`)
}

async function endRealm(observer: pg.Client): Promise<void> {
  await observer.query(`
    insert into revocations (revision, selector, bound, at, caller, realm)
    select nextval('revision'), 'owner', currval('revision'), now(), 'test', 'staff'`)
}

interface PlanNode {
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

/** The rows that all steps of the statements’ plans read, in all their repetitions. */
async function rowsHandled(observer: pg.Client, sent: readonly SentStatement[]): Promise<number> {
  const ofNode = ({ Plans = [], ...node }: PlanNode): number => {
    const { 'Actual Rows': kept, 'Rows Removed by Filter': removed = 0 } = node
    return Plans.map(ofNode).reduce((sum, rows) => sum + rows, (kept + removed) * node['Actual Loops'])
  }
  let rows = 0
  for (const { text, parameters } of sent) {
    const explained = await observer.query(`explain (analyze, timing off, format json) ${text}`, [...parameters])
    rows += ofNode(explained.rows[0]['QUERY PLAN'][0].Plan)
  }
  return rows
}

/** Adds many usernames in one realm, one username in many realms, and as many revocations of each kind. */
async function grow(observer: pg.Client): Promise<void> {
  const newPairs = `insert into token_pairs (id, session_id, slot, realm, username, client_id, scopes, issued_at,
    access_expires_at, expires_at, access_digest, refresh_digest)`
  const rest = `'admin', '', now(), now() + interval '1 hour', now() + interval '1 day', '', ''`
  const times = `(select slot from token_pairs limit 1) one, generate_series(1, ${grown}) n`
  await observer.query(`
    ${newPairs} select 1000000 + n, 1000000 + n, slot, 'staff', 'user-' || n, ${rest} from ${times};
    ${newPairs} select 1100000 + n, 1100000 + n, slot, 'tenant-' || n, 'carol', ${rest} from ${times};
    insert into spent_refresh_tokens (slot, pair_id, successor_slot, successor_id, salt, spent_at)
    select slot, 1000000 + n, slot, 1000000 + n, '', now() from ${times};
    insert into revocations (revision, selector, pair_id, session_id, realm, username, at, caller)
    select 2000000 + n, 'access_token', 1000000 + n, 1000000 + n, 'staff', 'user-' || n, now(), 'test' from ${times};
    insert into revocations (revision, selector, session_id, bound, realm, username, at, caller)
    select 3000000 + n, 'session', 1000000 + n, 3000000 + n, 'staff', 'user-' || n, now(), 'test' from ${times};
    insert into revocations (revision, selector, bound, realm, username, at, caller)
    select 4000000 + n, 'owner', 1, 'staff', 'user-' || n, now(), 'test' from ${times}`)
}

async function connections(observer: pg.Client): Promise<readonly number[]> {
  const { rows } = await observer.query(
    'select pid from pg_stat_activity where datname = current_database() order by pid',
  )
  return rows.map(({ pid }) => pid)
}

/** All rows read on this database so far: by sequential scans of tables, and by scans of indexes. */
async function rowsRead(observer: pg.Client): Promise<number> {
  const { rows } = await observer.query(`
    select (select sum(seq_tup_read) from pg_stat_user_tables) + (select sum(idx_tup_read) from pg_stat_user_indexes) as read`)
  return Number(rows[0].read)
}
