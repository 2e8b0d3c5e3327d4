import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { type RunningService, startProcess } from '../support/process.ts'

let postgres: RunningPostgres
let service: RunningService
let origin: string
beforeAll(async () => {
  postgres = await startPostgres()
  service = await startProcess({ DATABASE_URL: await postgres.createDatabase('entry_points') })
  origin = new URL(service.url).origin
})
afterAll(async () => {
  await service.end()
  await postgres.stop()
})

/** Opens a raw socket, for requests that `fetch` would not send. */
const open = () => connect(Number(new URL(origin).port), '127.0.0.1')

async function get(target: string, ...hosts: readonly string[]): Promise<string | undefined> {
  const head = [`GET ${target} HTTP/1.1`, ...hosts.map((host) => `Host: ${host}`), 'Connection: close']
  const socket = open()
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return /^HTTP\/1\.1 (\d+)/.exec(await text(socket))?.[1]
}

test.each(['a', 'tokens.example:80', '127.0.0.1:4000', '[::1]:4000'])('Host: %s is accepted', async (host) => {
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
])('Host: %s is invalid, and is answered 400 before a route is chosen', async (host) => {
  expect(await get('/nothing', host)).toBe('400')
})

test('a request with two Host headers is answered 400', async () => {
  expect(await get('/health', 'a', 'b')).toBe('400')
})

test('a request target in absolute form is accepted, unless its authority is invalid', async () => {
  expect(await get('http://tokens.example/health', 'tokens.example')).toBe('200')
  expect(await get('http://tokens.example', 'tokens.example')).toBe('200')
  expect(await get('http://tokens.example?pretty', 'tokens.example')).toBe('200')
  expect(await get('http://a@b/health', 'tokens.example')).toBe('400')
})

test.each(['/x/../health', '/x/%2e%2e/health', '/x\\..\\health', '//health', '/./health', '*'])(
  'a path that would have to be resolved is answered 400: %s',
  async (target) => {
    expect(await get(target, 'a')).toBe('400')
  },
)

test('a multipart answer states its length in only one way', async () => {
  const headers = { 'content-type': 'application/json', accept: 'multipart/mixed' }

  const answer = await fetch(service.url, { method: 'POST', headers, body: '{"query":"{ __typename }"}' })

  expect(await answer.text()).toContain('{"data":{"__typename":"Query"}}')
})

test.each([20, 300])('a body that is too long and arrives in %i pieces is answered 413', async (count) => {
  const body = new ReadableStream({
    start(controller) {
      for (let piece = 0; piece < count; piece++) controller.enqueue(new Uint8Array(10_000).fill(32))
      controller.close()
    },
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }

  // Node requires `duplex` for a body that is a stream, but its types do not have it.
  const init = { method: 'POST', headers, body, duplex: 'half' }
  const { status } = await fetch(`${origin}/oauth2/revoke`, init)

  expect(status).toBe(413)
})

test.each(['/oauth2/revoke', '/_security/oauth2/token', '/graphql'])(
  'a body to %s that breaks off is not reported as an unexpected error',
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
