import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { startProcess } from '../support/process.ts'
import { startProxy } from '../support/proxy.ts'
import { openSocket } from '../support/raw.ts'
import { type Outcome, workUntilRefused } from '../support/workers.ts'

let postgres: RunningPostgres
let url: string
beforeAll(async () => {
  postgres = await startPostgres()
  url = await postgres.createDatabase('drain')
})
afterAll(() => postgres.stop())

const query = 'mutation { createTokenPair(input: { realmName: "staff", username: "alice" }) { accessToken } }'
const body = JSON.stringify({ query })
const rounds = [1, 2, 3]
const workers = Array.from({ length: 16 }, (_, index) => index)

describe('a stop under load leaves no client without the outcome of a request', () => {
  test.each([
    ['that keep their connections', {}, 0],
    ['that keep their connections, and pause between requests', { mostPauseMs: 200 }, 0],
    // The system resets a connection that it accepted after the last look at the listening socket and before its end. No
    // server can know of it. On a busy machine that moment is long enough for one.
    ['that open a connection for each request', { opensEach: true }, 1],
  ])('%s', { timeout: 60_000 }, async (_name, given, mostResets) => {
    for (const _ of rounds) {
      const service = await startProcess({ DATABASE_URL: url, ADMIN_SECRET: 'a-secret-for-tests-of-32-characters' })
      const authorization = `Basic ${Buffer.from('admin:a-secret-for-tests-of-32-characters').toString('base64')}`
      const headers = { 'content-type': 'application/json', authorization }
      const outcomes: Outcome[] = []
      const onOutcome = (outcome: Outcome) => void outcomes.push(outcome)
      const working = workers.map(() => workUntilRefused({ url: service.url, headers, body, onOutcome, ...given }))
      await expect.poll(() => outcomes.length, { timeout: 20_000 }).toBeGreaterThan(10 * workers.length)

      const code = await service.end('SIGTERM')

      await Promise.all(working)
      const others = outcomes.filter((outcome) => outcome !== 200 && outcome !== 'refused')
      expect(others.slice(mostResets)).toEqual([])
      expect(code).toBe(0)
    }
  })
})

test('a stop is not held by a slow reader, half a request and an open stream together', {
  timeout: 30_000,
}, async () => {
  const service = await startProcess({ DATABASE_URL: url, ADMIN_SECRET: 'a-secret-for-tests-of-32-characters' })
  const head = (start: string, ...fields: readonly string[]) => [start, 'Host: a', ...fields, '', ''].join('\r\n')
  const open = (sent: string) => {
    const socket = openSocket(service.url).on('error', () => undefined)
    socket.write(sent)
    return socket
  }
  const reader = open(head('GET /graphql HTTP/1.1', 'Accept: text/html').repeat(3)).pause()
  open(`${head('POST /graphql HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 100')}{`)
  const form = 'Content-Type: application/x-www-form-urlencoded'
  open(`${head('POST /oauth2/revoke HTTP/1.1', form, 'Transfer-Encoding: chunked')}3\r\nto`)
  open('POST /graphql HTTP/1.1\r\nHost')
  const feed = encodeURIComponent('subscription { revocationFeed { cursor } }')
  const admin = Buffer.from('admin:a-secret-for-tests-of-32-characters').toString('base64')
  const fields = ['Accept: text/event-stream', `Authorization: Basic ${admin}`]
  const stream = open(head(`GET /graphql?query=${feed} HTTP/1.1`, ...fields))
  await once(stream, 'data')

  const code = await service.end('SIGTERM')

  expect(code).toBe(0)
  expect(service.output()).toContain('"requests_cut_off"')
  expect(service.output()).not.toContain('stop_forced')
  reader.destroy()
})

test('a process of which something does not end is ended, with an event and exit code 1', async () => {
  const proxy = await startProxy(url)
  const service = await startProcess({ DATABASE_URL: proxy.url })
  // As with a cut cable: the connections to the database do not end, however often they are asked to.
  proxy.cut()

  const code = await service.end('SIGTERM')

  expect(code).toBe(1)
  expect(service.output()).toContain('"event":"stop_forced"')
  proxy.close()
})
