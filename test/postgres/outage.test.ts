import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import type { ServiceEvent } from '../../src/events/events.ts'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import type { Database } from '../../src/storage/engine/database.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { adminScopes, digestClientSecret } from '../../src/tokens/clients.ts'
import { createTokens } from '../../src/tokens/tokens.ts'
import { post, postJson } from '../support/oauth.ts'
import { adminSecret, asAdmin, ask } from '../support/service.ts'

let postgres: RunningPostgres
let url: string
let database: Database
let handler: Handler
const reports: ServiceEvent[] = []

beforeAll(async () => {
  postgres = await startPostgres()
  url = await postgres.createDatabase('outage')
  database = await openDatabase({ kind: 'postgres', url, directUrl: url }, { emit: (event) => reports.push(event) })
  const clients = createClientStore(database)
  await clients.putClient({ id: 'admin', secretDigest: digestClientSecret(adminSecret), scopes: adminScopes })
  const tokens = createTokens({
    store: createTokenStore(database),
    log: createRevocationLog(database),
    clients,
    lifetimes: { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 },
    clock: () => new Date(),
  })
  handler = createHandler({ tokens, assertReady: database.ping, emit: (event) => reports.push(event) })
})
afterAll(async () => {
  await database.close()
  await postgres.stop()
})

const create =
  'mutation { createTokenPair(input: { realmName: "staff", username: "alice" }) { accessToken refreshToken } }'
const invalidate = (token: string) =>
  `mutation { invalidateToken(input: { token: "${token}" }) { invalidatedTokens previouslyInvalidatedTokens } }`
const ready = async () => (await handler(new Request('http://localhost/ready'))).status
const health = async () => (await handler(new Request('http://localhost/health'))).status

test('while the database is down every verb answers 503, never 401; when it is back, the service recovers by itself', async () => {
  const { accessToken, refreshToken } = (await ask(handler, create, { authorization: asAdmin })).data.createTokenPair
  expect(await ready()).toBe(200)

  await postgres.kill()

  for (const request of [
    ask(handler, invalidate(accessToken)),
    ask(handler, create, { authorization: asAdmin }),
    ask(handler, '{ currentToken { active } }', { authorization: `Bearer ${accessToken}` }),
    ask(handler, 'mutation { invalidateToken(input: { owner: { realmName: "staff" } }) { errorCount } }', {
      authorization: asAdmin,
    }),
  ]) {
    const { status, headers, errors, data } = await request
    expect({ status, code: errors?.[0]?.extensions.code, retryAfter: headers.get('retry-after') }).toEqual({
      status: 503,
      code: 'SERVICE_UNAVAILABLE',
      retryAfter: '1',
    })
    expect(errors?.[0]?.message).toBe('The database is not available; try again in a moment.')
    expect(data ?? null).toBeNull()
  }
  const byAdmin = { authorization: asAdmin }
  const refresh = { grant_type: 'refresh_token', refresh_token: refreshToken }
  for (const request of [
    post(handler, '/oauth2/revoke', { token: accessToken }),
    post(handler, '/oauth2/revoke', { token: refreshToken }, byAdmin),
    post(handler, '/oauth2/introspect', { token: accessToken }, byAdmin),
    post(handler, '/oauth2/introspect', { token: accessToken }, { authorization: `Bearer ${accessToken}` }),
    post(handler, '/oauth2/introspect', { token: accessToken, client_id: 'admin', client_secret: adminSecret }),
    post(handler, '/oauth2/token', refresh),
    post(handler, '/oauth2/token', refresh, byAdmin),
    postJson(handler, '/oauth2/global-token-revocation', { sub_id: { format: 'opaque', id: 'staff/alice' } }, byAdmin),
  ]) {
    const { status, headers, body } = await request
    expect([status, headers.get('retry-after'), body]).toEqual([
      503,
      '1',
      {
        error: 'temporarily_unavailable',
        error_description: 'The database is not available; try again in a moment.',
      },
    ])
  }
  expect([await ready(), await health()]).toEqual([503, 200])
  const names = reports.map(({ name }) => name)
  expect(names.filter((name) => name === 'database_unreachable').length).toBeGreaterThanOrEqual(12)
  expect(names).toContain('database_connection_lost')
  expect(names).toContain('not_ready')
  expect(names).not.toContain('unexpected_error')

  await postgres.restart()

  expect(await ready()).toBe(200)
  const after = await ask(handler, invalidate(accessToken))
  expect(after.data.invalidateToken).toEqual({ invalidatedTokens: 1, previouslyInvalidatedTokens: 0 })
  expect((await post(handler, '/oauth2/token', refresh)).status).toBe(200)
})

test('a connection that is lost during a count fails only that count, as SERVICE_UNAVAILABLE', async () => {
  await ask(handler, create, { authorization: asAdmin })
  const [holder, observer] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })]
  await Promise.all([holder.connect(), observer.connect()])
  const dryRun =
    'mutation { invalidateToken(input: { owner: { realmName: "staff" } }, options: { dryRun: true }) { invalidatedTokens } }'
  const count = () => ask(handler, dryRun, { authorization: asAdmin })
  const before = await count()
  expect(before.data.invalidateToken.invalidatedTokens).toBeGreaterThan(0)

  // More concurrent counts than there are connections for them, all blocked by another client's lock on the table.
  await holder.query('begin; lock table token_pairs')
  const counts = Array.from({ length: 6 }, count)
  const blocked = "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%token_pairs%'"
  let pids: readonly number[] = []
  while (pids.length < 3) pids = (await observer.query(blocked)).rows.map(({ pid }) => pid)
  await observer.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids])
  await holder.query('commit')

  const codes = (await Promise.all(counts)).map(({ errors }) => errors?.[0]?.extensions.code)
  expect(codes.filter((code) => code === 'SERVICE_UNAVAILABLE').length).toBeGreaterThan(0)
  expect(codes.filter((code) => code !== 'SERVICE_UNAVAILABLE' && code !== undefined)).toEqual([])
  for (let again = 0; again < 8; again++) expect((await count()).data).toEqual(before.data)
  await Promise.all([holder.end(), observer.end()])
})
