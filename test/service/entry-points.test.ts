import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../support/postgres.ts'
import { type RunningService, startProcess } from '../support/process.ts'

/** What no fetch would send. */
let postgres: RunningPostgres
let service: RunningService
let origin: string
beforeAll(async () => {
  postgres = await startPostgres()
  service = await startProcess({ DATABASE_URL: await postgres.createDatabase('doors') })
  origin = new URL(service.url).origin
})
afterAll(async () => {
  await service.end()
  await postgres.stop()
})

const open = () => connect(Number(new URL(origin).port), '127.0.0.1')

async function get(target: string, ...hosts: readonly string[]): Promise<string | undefined> {
  const head = [`GET ${target} HTTP/1.1`, ...hosts.map((host) => `Host: ${host}`), 'Connection: close']
  const socket = open()
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return /^HTTP\/1\.1 (\d+)/.exec(await text(socket))?.[1]
}

test.each(['a', 'tokens.example:80', '127.0.0.1:4000', '[::1]:4000'])('Host: %s is a host', async (host) => {
  expect(await get('/health', host)).toBe('200')
})

test.each([
  'x/health?',
  'a b',
  '[',
  'a@b',
  'a:b',
  '',
  'a,b',
  '1.2.3.4.5',
  '256.256.256.256',
  'localhost:99999',
  '[::::]',
])('Host: %s is none, and chooses no route', async (host) => {
  expect(await get('/nothing', host)).toBe('400')
})

test('of two hosts neither counts', async () => {
  expect(await get('/health', 'a', 'b')).toBe('400')
})

test('a target in absolute form is taken, and its authority counts', async () => {
  expect(await get('http://tokens.example/health', 'tokens.example')).toBe('200')
  expect(await get('http://tokens.example', 'tokens.example')).toBe('200')
  expect(await get('http://tokens.example?pretty', 'tokens.example')).toBe('200')
  expect(await get('http://a@b/health', 'tokens.example')).toBe('400')
})

test.each(['/x/../health', '/x/%2e%2e/health', '/x\\..\\health', '//health', '/./health', '*'])(
  'a path that would have to be resolved leads nowhere: %s',
  async (target) => {
    expect(await get(target, 'a')).toBe('400')
  },
)

test('an answer in parts has one account of its length', async () => {
  const headers = { 'content-type': 'application/json', accept: 'multipart/mixed' }

  const answer = await fetch(service.url, { method: 'POST', headers, body: '{"query":"{ __typename }"}' })

  expect(await answer.text()).toContain('{"data":{"__typename":"Query"}}')
})

test.each([20, 300])('too long a body that comes in %i pieces is told so', async (count) => {
  const body = new ReadableStream({
    start(controller) {
      for (let piece = 0; piece < count; piece++) controller.enqueue(new Uint8Array(10_000).fill(32))
      controller.close()
    },
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }

  // Node wants `duplex` where a body is a stream; its types do not know it.
  const init = { method: 'POST', headers, body, duplex: 'half' }
  const { status } = await fetch(`${origin}/oauth2/revoke`, init)

  expect(status).toBe(413)
})

test.each(['/oauth2/revoke', '/_security/oauth2/token', '/graphql'])(
  'a body to %s that breaks off is no fault of ours',
  async (path) => {
    const socket = open()
    const type = path === '/oauth2/revoke' ? 'application/x-www-form-urlencoded' : 'application/json; charset=utf-8'
    socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${service.authorization}\r\n`)
    socket.write(`Content-Length: 100\r\nContent-Type: ${type}\r\n\r\ntok`)
    await sleep(100)
    socket.resetAndDestroy()
    await sleep(100)

    expect(service.output()).not.toContain('"event"')
    expect((await fetch(`${origin}/health`)).status).toBe(200)
  },
)
