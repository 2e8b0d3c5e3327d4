import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { type EventStream, readEvents, subscribe } from '../support/event-stream.ts'
import { type RunningService, startProcess } from '../support/process.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'

let postgres: RunningPostgres
let url: string
let monitor: pg.Client
let proxy: TcpProxy
let one: RunningService
let other: RunningService
beforeAll(async () => {
  postgres = await startPostgres()
  url = await postgres.createDatabase('feed')
  proxy = await startProxy(url)
  monitor = new pg.Client({ connectionString: url })
  await monitor.connect()
  // Which the service needs where DATABASE_URL leads to a pooler, as the first one is told.
  await monitor.query("alter database feed set statement_timeout = '10s'")
  // The first process listens through the proxy, and reads the log directly.
  one = await startProcess({ DATABASE_URL: url, DATABASE_DIRECT_URL: proxy.url })
  other = await startProcess({ DATABASE_URL: url })
})
afterAll(async () => {
  await Promise.all([one.end(), other.end(), monitor.end()])
  proxy.close()
  await postgres.stop()
})

async function ask(service: RunningService, query: string) {
  const headers = { 'content-type': 'application/json', authorization: one.authorization ?? '' }
  const response = await fetch(service.url, { method: 'POST', headers, body: JSON.stringify({ query }) })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails when it is not there
  const { data }: any = await response.json()
  return data
}
const issue = async (): Promise<string> =>
  (await ask(one, 'mutation { createTokenPair(input: { realmName: "staff", username: "alice" }) { accessToken } }'))
    .createTokenPair.accessToken
const invalidateOnOther = (token: string) =>
  ask(other, `mutation { invalidateToken(input: { token: "${token}" }) { invalidatedTokens } }`)
const listen = ({ url }: RunningService, query: string, authorization = one.authorization) =>
  subscribe(fetch, { url, query, authorization })
const watch = (token: string, service = one) =>
  listen(service, 'subscription { tokenInvalidated { id } }', `Bearer ${token}`)
const follow = (service: RunningService, after?: string) =>
  listen(
    service,
    `subscription { revocationFeed${after === undefined ? '' : `(after: "${after}")`} { cursor hasGap revocations { id } } }`,
  )
async function readIds(stream: EventStream, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  while (ids.length < count)
    ids.push(...(await stream.next()).data.revocationFeed.revocations.map(({ id }: { readonly id: string }) => id))
  return ids
}
/** The server process id of a listening connection, as soon as there is one other than `old`. */
async function listenerPid(old?: number): Promise<number> {
  for (;;) {
    const { rows } = await monitor.query(
      "select pid from pg_stat_activity where application_name = 'invalidate-token listener' and query not like 'SET%'",
    )
    const found = rows.map(({ pid }) => pid).find((pid) => pid !== old)
    if (found !== undefined) return found
    await sleep(20)
  }
}
const revisions = async () =>
  (await monitor.query('select revision::text from revocations order by revocations.revision')).rows.map(
    ({ revision }) => revision,
  )

test('a page on one process is notified of invalidations on another, also after its LISTEN was terminated or silently cut', async () => {
  const feed = await follow(one)
  await feed.next()
  const before = (await revisions()).length
  const expectNotified = async (situation: string, afterwards = () => {}) => {
    const token = await issue()
    const page = await watch(token)
    await invalidateOnOther(token)
    afterwards()
    const answeredAt = performance.now()
    const event = await page.next()
    console.info(
      `${situation}: notified ${(performance.now() - answeredAt).toFixed(1)} ms after the invalidation was answered`,
    )
    expect(event.data.tokenInvalidated.id).toBe((await revisions()).at(-1))
    expect(await page.next()).toBe('complete')
  }
  const first = await listenerPid()
  for (let n = 1; n <= 5; n++) await expectNotified(`listening, ${n}`)

  await monitor.query('select pg_terminate_backend($1)', [first])
  await expectNotified('terminated')
  const second = await listenerPid(first)
  await expectNotified('listening again')

  proxy.cut()
  await expectNotified('silently cut', proxy.heal)
  await listenerPid(second)
  await expectNotified('listening once more')

  expect(await readIds(feed, before + 9)).toEqual(await revisions())
  await feed.close()
  expect(one.output()).toContain('listen_connection_lost')
})

test('a guard continues from its cursor on another process, also on one that has just started', async () => {
  const feed = await follow(one)
  await readIds(feed, (await revisions()).length)
  await invalidateOnOther(await issue())
  const { cursor } = (await feed.next()).data.revocationFeed
  await feed.close()
  for (let n = 0; n < 3; n++) await invalidateOnOther(await issue())
  const missed = (await revisions()).slice(-3)

  const second = await follow(other, cursor)
  expect(await readIds(second, 3)).toEqual(missed)
  await second.close()
  const third = await startProcess({ DATABASE_URL: url })
  const [page, feedOnThird] = [await watch(await issue(), third), await follow(third, cursor)]
  expect(await readIds(feedOnThird, 3)).toEqual(missed)

  // When the process stops, its streams complete, and it does not wait for the deadline of 10 s.
  const ended = third.end('SIGTERM')
  for (const stream of [page, feedOnThird]) expect(await stream.next()).toBe('complete')
  const completedAt = performance.now()
  expect(await ended).toBe(0)
  expect(performance.now() - completedAt).toBeLessThan(9_000)
})

test('a subscription that accepts any media type is streamed too, and the LISTEN ends when the last client disconnects', async () => {
  const body = JSON.stringify({ query: 'subscription { revocationFeed { cursor } }' })
  const headers = { 'content-type': 'application/json', authorization: one.authorization ?? '', accept: '*/*' }
  const anyType = readEvents(await fetch(one.url, { method: 'POST', headers, body }))
  const streams = [anyType, await follow(one), await watch(await issue())]
  expect((await anyType.next()).data.revocationFeed.cursor).toEqual(expect.any(String))
  await listenerPid()
  // Some clients disconnect before anything is answered.
  const disconnectAfter = async (ms: number, accept: string) => {
    const signal = AbortSignal.timeout(ms)
    const response = await fetch(one.url, { method: 'POST', headers: { ...headers, accept }, body, signal })
    await response.text()
  }
  const afterMs = Array.from({ length: 40 }, (_, n) => n)
  const disconnected = afterMs.flatMap((ms) => [disconnectAfter(ms, '*/*'), disconnectAfter(ms, 'text/event-stream')])
  expect((await Promise.allSettled(disconnected)).every(({ status }) => status === 'rejected')).toBe(true)

  for (const stream of streams) await stream.close()

  const listeners = async () =>
    (await monitor.query("select from pg_stat_activity where application_name = 'invalidate-token listener'")).rowCount
  while ((await listeners()) !== 0) await sleep(20)
})
