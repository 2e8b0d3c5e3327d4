import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { runCommand, runProcess, startProcess } from '../support/process.ts'
import { openSocket } from '../support/raw.ts'

let postgres: RunningPostgres
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres.stop())

let databases = 0
/** A new database on PostgreSQL takes a tenth of a second; a new embedded engine takes three seconds. */
const emptyDatabase = async () => ({ DATABASE_URL: await postgres.createDatabase(`service_${databases++}`) })

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-service-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const dataDir = () => ({ DATA_DIR: join(folder, 'data') })

async function ask(url: string, query: string, authorization?: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
    body: JSON.stringify({ query }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails when it is not there
  const { data, errors }: any = await response.json()
  return { status: response.status, data, errors }
}

const create = 'mutation { createTokenPair(input: { realmName: "staff", username: "alice" }) { accessToken } }'
const introspect = (token: string) => `{ introspectToken(token: "${token}") { active } }`
const invalidate = (token: string) =>
  `mutation { invalidateToken(input: { token: "${token}" }) { invalidatedTokens previouslyInvalidatedTokens } }`

describe('on the embedded database', () => {
  test('an invalidation survives a clean stop, and an acknowledged one survives kill -9', async () => {
    const first = await startProcess(dataDir())
    const authorization = first.authorization ?? expect.unreachable()
    const [one, other] = [await ask(first.url, create, authorization), await ask(first.url, create, authorization)]
    const [stopped, killed] = [one.data.createTokenPair.accessToken, other.data.createTokenPair.accessToken]
    expect((await ask(first.url, introspect(stopped), authorization)).data.introspectToken).toEqual({ active: true })
    const newly = { invalidateToken: { invalidatedTokens: 1, previouslyInvalidatedTokens: 0 } }
    expect((await ask(first.url, invalidate(stopped))).data).toEqual(newly)
    expect(await first.end('SIGTERM')).toBe(0)

    const second = await startProcess(dataDir())
    expect(second.output()).not.toContain('its_')
    expect((await ask(second.url, introspect(stopped), authorization)).data.introspectToken).toEqual({ active: false })
    expect((await ask(second.url, invalidate(killed))).data).toEqual(newly)
    await second.end('SIGKILL')

    const third = await startProcess(dataDir())
    expect((await ask(third.url, introspect(killed), authorization)).data.introspectToken).toEqual({ active: false })
    expect((await ask(third.url, invalidate(killed))).data.invalidateToken).toEqual({
      invalidatedTokens: 0,
      previouslyInvalidatedTokens: 1,
    })
    await third.end('SIGINT')
  })

  test('a second process on the same folder is refused in one sentence, and the first keeps running', async () => {
    const first = await startProcess(dataDir())

    const second = await runProcess(dataDir())

    expect(second.code).toBe(1)
    expect(second.output.trim()).toMatch(
      /^The folder \S+ is in use by process \d+ on \S+, .*: stop that one, ask it by GraphQL, or keep the tokens in PostgreSQL \(DATABASE_URL\)\.$/,
    )
    expect(second.output.trim().split('\n')).toHaveLength(1)
    expect((await ask(first.url, '{ currentToken { active } }')).data).toEqual({ currentToken: null })
    await first.end()
  })
})

test('the service keeps running after the reader of its output has gone, even when it has errors to report', async () => {
  const database = await emptyDatabase()
  const service = await startProcess(database)
  const administrator = new pg.Client({ connectionString: postgres.url })
  await administrator.connect()
  await administrator.query(`drop database ${new URL(database.DATABASE_URL).pathname.slice(1)} with (force)`)
  await administrator.end()
  service.process.stderr?.destroy()

  for (const _ of [1, 2]) expect((await ask(service.url, create, service.authorization)).status).toBe(503)

  expect(await service.end()).toBe(0)
})

test('ADMIN_SECRET does not bring a deleted admin back: the start fails in one sentence', async () => {
  const database = await emptyDatabase()
  const service = await startProcess(database)
  const scopes = ['create_token', 'introspect_token', 'manage_token', 'follow_revocations', 'manage_clients']
  const second = ['client', 'create', 'second', ...scopes.flatMap((scope) => ['--scope', scope])]
  expect((await runCommand(second, database)).code).toBe(0)
  expect((await runCommand(['client', 'delete', 'admin'], database)).code).toBe(0)
  await service.end()

  const { code, output } = await runProcess({ ...database, ADMIN_SECRET: 'a-secret-for-tests-of-32-characters' })

  expect(code).toBe(1)
  expect(output).toContain(
    'ADMIN_SECRET is set, but the client admin was deleted, and an id is never used again: unset',
  )
  expect(output).not.toContain('a-secret-for-tests')
})

test('ADMIN_SECRET sets the admin’s secret, also on a database that has one', async () => {
  const database = await emptyDatabase()
  const before = await startProcess(database)
  await before.end()
  const secret = 'a-secret-of-more-than-32-characters-for-admin'

  const after = await startProcess({ ...database, ADMIN_SECRET: secret })

  const authorization = `ApiKey ${Buffer.from(`admin:${secret}`).toString('base64')}`
  expect((await ask(after.url, create, authorization)).errors).toBeUndefined()
  expect((await ask(after.url, create, before.authorization)).status).toBe(401)
  expect(after.output()).not.toContain(secret)
  await after.end()
})

test('/health and /ready answer; an unknown path is 404, and a wrong method 405 with the allowed methods', async () => {
  const service = await startProcess(await emptyDatabase())
  const origin = new URL(service.url).origin
  const request = async (path: string, init: RequestInit = {}) => {
    const { status, headers } = await fetch(`${origin}${path}`, init)
    return { status, allow: headers.get('allow') }
  }

  expect(await request('/health')).toEqual({ status: 200, allow: null })
  expect(await request('/ready')).toEqual({ status: 200, allow: null })
  expect(await request('/ready', { method: 'POST' })).toEqual({ status: 405, allow: 'GET, HEAD' })
  expect(await request('/nothing')).toEqual({ status: 404, allow: null })
  await service.end()
})

test('every answer has a content-length, also an empty one, but not a 204', async () => {
  const service = await startProcess(await emptyDatabase())
  const origin = new URL(service.url).origin
  const lengthOf = async (path: string, init: RequestInit = {}) => {
    const { status, headers } = await fetch(`${origin}${path}`, init)
    return [status, headers.get('content-length'), headers.get('transfer-encoding')]
  }

  expect(await lengthOf('/health')).toEqual([200, '18', null])
  expect(await lengthOf('/health', { method: 'HEAD' })).toEqual([200, '18', null])
  expect(await lengthOf('/oauth2/revoke', { method: 'POST', body: new URLSearchParams({ token: 'x' }) })).toEqual([
    200,
    '0',
    null,
  ])
  expect(await lengthOf('/oauth2/revoke', { method: 'OPTIONS' })).toEqual([204, null, null])
  await service.end()
})

test('requests in progress are finished before the service stops', async () => {
  const service = await startProcess(await emptyDatabase())
  const requests = Array.from({ length: 20 }, () => ask(service.url, create, service.authorization))
  // Once one request is answered, the service has received the others.
  await Promise.race(requests)

  const ended = service.end('SIGTERM')

  for (const { data } of await Promise.all(requests)) expect(data.createTokenPair.accessToken).toMatch(/^ita_/)
  expect(await ended).toBe(0)
})

test('a request of which only a half was sent does not hold the stop until the process is killed', async () => {
  const service = await startProcess(await emptyDatabase())
  const socket = openSocket(service.url).on('error', () => undefined)
  const lines = ['POST /graphql HTTP/1.1', 'Host: a', 'Content-Type: application/json', 'Content-Length: 100']
  await new Promise((resolve) => socket.write(`${lines.join('\r\n')}\r\n\r\n{`, resolve))
  // The answer to a later request shows that the service has read the earlier one.
  await ask(service.url, '{ currentToken { active } }')
  const stoppedAt = Date.now()

  expect(await service.end('SIGTERM')).toBe(0)

  expect(Date.now() - stoppedAt).toBeLessThan(5_000)
  expect(service.output()).toContain('"requests":1,"event":"requests_cut_off"')
})

test('with wrong settings the service exits at once and prints every fault without a stack trace', async () => {
  const { code, output } = await runProcess({ PORT: 'http', ACCESS_TOKEN_SECONDS: '0' })

  expect(code).toBe(1)
  expect(output).toContain('PORT must be')
  expect(output).toContain('ACCESS_TOKEN_SECONDS must be')
  expect(output).not.toMatch(/^\s+at /m)
})

test('a port in use and an unreachable database are each reported in one sentence', async () => {
  const first = await startProcess(await emptyDatabase())
  const taken = await runProcess({ ...(await emptyDatabase()), PORT: new URL(first.url).port })
  expect(taken.output.trim()).toMatch(
    /^Port \d+ on 127\.0\.0\.1 is taken: stop the other program, or choose another PORT\. \(listen EADDRINUSE[^\n]*\)$/,
  )
  await first.end()

  const unreachable = await runProcess({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' })
  expect([taken.code, unreachable.code]).toEqual([1, 1])
  expect(unreachable.output.trim()).toMatch(
    /^The database is not available; try again in a moment\. \(ECONNREFUSED: [^\n]*\)$/,
  )
})
