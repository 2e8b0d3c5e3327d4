import { sql } from 'drizzle-orm'
import { createClientStore } from '../../src/storage/client-store.ts'
import type { Database } from '../../src/storage/engine/database.ts'
import { watchIdentity, writeIdentity } from '../../src/storage/engine/identity.ts'
import { migrate } from '../../src/storage/engine/migrations.ts'
import { repairRestoredRows } from '../../src/storage/engine/restored.ts'
import { completeCounts } from '../../src/storage/invalidate-scope.ts'
import { createRestoreStore } from '../../src/storage/restore-store.ts'
import { deleteExpired } from '../../src/storage/retention.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { watchUnreachedNumbers } from '../../src/storage/unreached-numbers.ts'
import type { ListableScope, SweepScope } from '../../src/tokens/coverage.ts'
import type { InvalidationScope, TokenStore } from '../../src/tokens/store.ts'
import { formatStatement } from './format.ts'
import { recordStatements } from './record.ts'

/** Calls, each by what it is a sample of: together they lead to each shape that a statement has. */
type Samples = readonly Sample[]
type Sample = readonly [name: string, run: () => Promise<unknown>]

const at = new Date('2026-11-21T09:00:00Z')
const instant = sql`${at.toISOString()}::timestamptz`
const alice = { realm: 'staff', username: 'alice' }
const scopes: readonly (readonly [name: string, scope: ListableScope])[] = [
  ['a realm', { kind: 'realm', realm: alice.realm }],
  ['a username in all realms', { kind: 'username', username: alice.username }],
  ['one owner', { kind: 'realm-user', ...alice }],
  ['a client', { kind: 'client', clientId: 'web' }],
]
const sweeps: readonly (readonly [name: string, scope: SweepScope])[] = [
  ...scopes,
  ['everything', { kind: 'everything' }],
]

const header = `-- Every statement that src/storage builds, with its name and the file that builds it, as it is sent: only line breaks
-- and indentation are added. One that is built for each call is shown once for each shape that it takes. Statements
-- about a connection (advisory lock, listen, notify, ping) are one line each where they are sent, and not here.
--
-- \`npm run sql\` writes this file.
`

/** All statements on an empty database, which is then no longer empty. */
export async function createStatementsFile(database: Database): Promise<string> {
  const statements = new Map<string, string>()
  let sample = ''
  const recorded = recordStatements(database, ({ text, preparedName, file, builder }) => {
    const name = preparedName ?? builder ?? sample
    const note = preparedName !== undefined ? 'prepared' : sample === name ? '' : sample
    const key = JSON.stringify([file, builder, text])
    if (!statements.has(key))
      statements.set(key, `-- src/${file}, ${name}${note && `: ${note}`}\n${formatStatement(text)};\n`)
  })
  for (const [name, run] of samplesOf(recorded, database)) {
    sample = name
    await run()
  }
  return [header, ...[...statements.values()].toSorted()].join('\n')
}

function samplesOf(database: Database, unrecorded: Database): Samples {
  return [
    ...samplesOfTokens(createTokenStore(database), unrecorded),
    ...samplesOfLog(database),
    ...samplesOfClients(database),
    ['retention', () => deleteExpired(database, { revocationDays: 1, clock: () => at })],
    ['counts that were abandoned', () => completeCounts(database, at)],
    ['migrations that are missing', () => migrate(database.db)],
    ['a restored dump', () => repairRestoredRows(database)],
    ...samplesOfRestores(database, unrecorded),
  ]
}

function samplesOfTokens(store: TokenStore, unrecorded: Database): Samples {
  const session: InvalidationScope = { kind: 'session', session: { id: 1, owner: alice } }
  const options = { issuedBefore: at, sparedSessionId: 1 }
  const page = { before: undefined, limit: 10, at }
  return [
    ['many pairs', () => seedPairs(unrecorded)],
    ['a session, not revoked before', () => store.countScope(session, at)],
    ...sweeps.map(
      ([name, scope]): Sample => [
        `${name}, nothing revoked before`,
        () => store.countScope({ kind: 'sweep', scope }, at),
      ],
    ),
    ['revocations of each kind', () => seedRevocations(unrecorded)],
    ['a session, revoked before', () => store.countScope(session, at)],
    ...sweeps.map(
      ([name, scope]): Sample => [
        `${name}, sparing a session, some revoked before`,
        () => store.countScope({ kind: 'sweep', scope, ...options }, at),
      ],
    ),
    ...scopes.flatMap(
      ([name, scope]): Samples => [
        [`${name}, live sessions`, () => store.listSessions({ ...page, scope, includeEnded: false })],
        [`${name}, all sessions`, () => store.listSessions({ ...page, scope, includeEnded: true })],
      ],
    ),
  ]
}

function samplesOfLog(database: Database): Samples {
  const log = createRevocationLog(database)
  const page = { scope: undefined, sessionId: undefined, reason: undefined, before: undefined, limit: 1 }
  return [
    ['find', () => log.find(1)],
    ['findEnding', () => log.findEnding({ slot: 0, id: 1 })],
    ['all', () => log.list(page)],
    ...scopes.map(([name, scope]): Sample => [name, () => log.list({ ...page, scope })]),
    ['a session, with a reason, the next page', () => log.list({ ...page, sessionId: 1, reason: 'logout', before: 9 })],
    ['where the log is', () => log.position()],
    ['from the beginning', () => log.readSince(undefined, { limit: 1 })],
    ['after a cursor', async () => log.readSince(await log.position(), { limit: 1 })],
  ]
}

function samplesOfClients(database: Database): Samples {
  const clients = createClientStore(database)
  const client = { id: 'login', secretDigest: new Uint8Array(32), scopes: ['create_token'] }
  const by = { at, caller: 'client:admin', clientId: 'admin', credentialRevision: 1, heldScopes: undefined }
  return [
    ['addFirstClient', () => clients.addFirstClient(client)],
    ['addClient', () => clients.addClient(client, by)],
    ['putClient', () => clients.putClient(client)],
    ['changeClient', () => clients.changeClient(client.id, { kind: 'disable', ends: 'own' }, by)],
    ['listClients', () => clients.listClients({ after: undefined, limit: 1 })],
    ['listClients, the next page', () => clients.listClients({ after: client.id, limit: 1 })],
  ]
}

function samplesOfRestores(database: Database, unrecorded: Database): Samples {
  const restores = createRestoreStore(database)
  const identity = watchIdentity(database.db, { emit: () => {} })
  const loss = { kind: 'writes', before: at } as const
  return [
    ['an unknown token', () => lookAtSequence(database)],
    ['restored, count', () => restores.count(loss, at)],
    ['restored', () => restores.complete(loss, { at, caller: 'operator' })],
    ['the first opening', () => writeIdentity(database.db, { newEpoch: false })],
    ['another timeline', () => setTimelineBack(unrecorded)],
    ['opening', () => identity.check()],
  ]
}

/** The check is in the background. */
async function lookAtSequence(database: Database): Promise<void> {
  watchUnreachedNumbers(database)(2 ** 40)
  await database.ping()
}

async function setTimelineBack({ db }: Database): Promise<void> {
  await db.execute(sql`update database_identity set timeline = timeline - 1, written_by = pg_current_xact_id()`)
}

/** More pairs than are counted by key. */
async function seedPairs({ db }: Database): Promise<void> {
  await db.execute(sql`
    insert into token_pairs (id, session_id, slot, realm, username, client_id, scopes, issued_at, access_expires_at,
      expires_at, access_digest)
    select n, 1, 0, ${alice.realm}, ${alice.username}, 'web', '', ${instant} - interval '1 hour',
      ${instant} + interval '1 hour', ${instant} + interval '1 hour', '' from generate_series(1, 1000) n`)
  await db.execute(sql`select setval('revision', 1004)`)
}

async function seedRevocations({ db }: Database): Promise<void> {
  await db.execute(sql`
    insert into revocations (revision, selector, pair_id, session_id, realm, username, bound, spared_session_id, at, caller)
    select revision, selector::revocation_selector, pair_id, session_id, ${alice.realm}, ${alice.username}, bound, spared,
      ${instant}, 'admin'
    from (values
      (1001, 'access_token', 1, 1, null::int, null::int),
      (1002, 'session', null, 1, 1002, null),
      (1003, 'owner', null, null, 1003, 1)
    ) one (revision, selector, pair_id, session_id, bound, spared)`)
}
