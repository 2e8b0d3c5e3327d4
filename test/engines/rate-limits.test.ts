import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import { createRateLimits, type RateLimitSettings } from '../../src/http/rate-limits.ts'
import { contextOfRequest } from '../../src/http/request-context.ts'
import { databaseClock } from '../../src/storage/engine/database.ts'
import { createFailureCounts, deleteFailureCounts } from '../../src/storage/failure-counts.ts'
import { failedAuthentications } from '../../src/storage/schema.ts'
import { basic } from '../support/basic.ts'
import { heapGrowth } from '../support/heap.ts'
import { admin, adminSecret, asAdmin, useTestService } from '../support/service.ts'

const service = useTestService()

const events: ServiceEvent[] = []
beforeEach(() => {
  events.length = 0
})

const limitedTo = (rateLimits: Partial<RateLimitSettings>): Handler =>
  createHandler({
    tokens: service.tokens,
    assertReady: service.database.ping,
    emit: (event) => events.push(event),
    rateLimits,
  })

interface Sent {
  readonly address?: string
  readonly authorization?: string
  readonly query?: string
}

const current = '{ currentToken { active } }'

async function ask(handler: Handler, { address = '192.0.2.1', authorization, query = current }: Sent = {}) {
  const headers = { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) }
  const body = JSON.stringify({ query })
  return handler(new Request('http://localhost/graphql', { method: 'POST', headers, body }), { address })
}

async function statuses(count: number, send: () => Promise<Response>): Promise<readonly number[]> {
  const found: number[] = []
  for (let index = 0; index < count; index++) found.push((await send()).status)
  return found
}

const repeat = (status: number, times: number) => Array<number>(times).fill(status)
const asWrong = basic('admin', 'not-the-secret-but-of-32-characters')
const issue = (username: string) => service.tokens.issue({ owner: { realm: 'staff', username } }, admin)

test('a secret that was sent as the id of a client is in no event', async () => {
  const handler = limitedTo({})

  await ask(handler, { authorization: basic('a-secret-in-the-place-of-an-id-of-42-chars', 'login') })

  expect(events).toContainEqual({ name: 'authentication_failed', facts: { address: '192.0.2.1', client: '…' } })
  expect(JSON.stringify(events)).not.toContain('a-secret-in')
})

describe('of 300 requests with a wrong secret', () => {
  test('from one address ten are refused as wrong, and all others as too many', async () => {
    const handler = limitedTo({})

    const found = await statuses(300, () => ask(handler, { authorization: asWrong }))

    expect(found).toEqual([...repeat(401, 10), ...repeat(429, 290)])
    expect(events.filter(({ name }) => name === 'authentication_failed')).toHaveLength(10)
    expect(events).toContainEqual({
      name: 'authentication_failed',
      facts: { address: '192.0.2.1', client: 'admin' },
    })
    expect(events).toContainEqual({
      name: 'rate_limited',
      facts: { limit: 'client_failures', address: '192.0.2.1' },
    })
    expect(JSON.stringify(events)).not.toContain('not-the-secret')
  })

  test('none locks the honest client out at another address, or another client at the same', async () => {
    const handler = limitedTo({})
    await service.tokens.createClient({ id: 'other', secret: adminSecret, scopes: [] }, admin)
    await statuses(300, () => ask(handler, { authorization: asWrong }))

    const honest = await ask(handler, { address: '192.0.2.2', authorization: asAdmin })
    const other = await ask(handler, { authorization: basic('other', adminSecret) })

    expect([honest.status, other.status]).toEqual([200, 200])
  })

  test('from addresses of one network of IPv6, ten are tried', async () => {
    const handler = limitedTo({})
    let host = 0

    const found = await statuses(20, () =>
      ask(handler, { address: `2001:db8::${(++host).toString(16)}`, authorization: asWrong }),
    )

    expect(found).toEqual([...repeat(401, 10), ...repeat(429, 10)])
  })
})

test('a secret that is sent without the encoding of OAuth is no failure, however often', async () => {
  const handler = limitedTo({})
  const secret = 'a%20secret+with-what-looks-encoded'
  await service.tokens.createClient({ id: 'plain', secret, scopes: [] }, admin)
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: basic('plain', secret),
  }
  const revoke = () =>
    handler(new Request('http://localhost/oauth2/revoke', { method: 'POST', headers, body: 'token=unknown' }), {
      address: '192.0.2.1',
    })

  expect(await statuses(20, revoke)).toEqual(repeat(200, 20))
  expect(events).toEqual([])
})

test('tokens that are not valid are limited by address, and a valid one still passes', async () => {
  const handler = limitedTo({ failures: 50 })
  const { accessToken } = await issue('alice')
  const forged = `Bearer ita_${'A'.repeat(56)}`

  const found = await statuses(60, () => ask(handler, { authorization: forged }))

  expect(found).toEqual([...repeat(401, 50), ...repeat(429, 10)])
  expect((await ask(handler, { authorization: `Bearer ${accessToken}` })).status).toBe(200)
})

test('a token that has expired is no failure: it counts as work without credentials, and is no event', async () => {
  const handler = limitedTo({ failures: 5, anonymous: 20 })
  const { accessToken } = await issue('alice')
  service.clock.advance(3_600)

  const found = await statuses(22, () => ask(handler, { authorization: `Bearer ${accessToken}` }))

  expect(found).toEqual([...repeat(401, 20), ...repeat(429, 2)])
  expect(events.map(({ name }) => name)).toEqual(['rate_limited', 'rate_limited'])
})

test('what an owner asks for counts together, from whatever address and with whatever session', async () => {
  const handler = limitedTo({ owner: 10 })
  const [one, two] = [await issue('alice'), await issue('alice')]
  const bob = await issue('bob')
  let host = 0
  const send = (token: string) => () => ask(handler, { address: `192.0.2.${++host}`, authorization: `Bearer ${token}` })

  const found = [...(await statuses(8, send(one.accessToken))), ...(await statuses(5, send(two.accessToken)))]

  expect(found).toEqual([...repeat(200, 10), ...repeat(429, 3)])
  expect(await statuses(1, send(bob.accessToken))).toEqual([200])
  expect(events).toContainEqual({
    name: 'rate_limited',
    facts: { limit: 'owner', address: '192.0.2.11', caller: 'owner:staff/alice' },
  })
})

test('what is asked for without credentials counts by address', async () => {
  const handler = limitedTo({ anonymous: 5 })

  expect(await statuses(8, () => ask(handler))).toEqual([...repeat(200, 5), ...repeat(429, 3)])
  expect((await ask(handler, { address: '192.0.2.2' })).status).toBe(200)
  expect((await ask(handler, { authorization: asAdmin })).status).toBe(200)
})

test('ten mutations in one request cost as much as ten requests', async () => {
  const handler = limitedTo({ anonymous: 15 })
  const { refresh } = await issue('alice')
  const one = `refreshTokenPair(input: { refreshToken: "${refresh?.token}" }) { __typename }`
  const ten = `mutation { ${Array.from({ length: 10 }, (_, index) => `a${index}: ${one}`).join(' ')} }`

  expect(await statuses(2, () => ask(handler, { query: ten }))).toEqual([200, 429])
})

test('the limits can be turned off', async () => {
  const handler = limitedTo({ failures: 0, anonymous: 0, owner: 0, client: 0 })

  expect(await statuses(50, () => ask(handler, { authorization: asWrong }))).toEqual(repeat(401, 50))
})

test('a request whose address is not known is not limited by it', async () => {
  const handler = limitedTo({ anonymous: 1 })
  const send = () => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ query: current })
    return handler(new Request('http://localhost/graphql', { method: 'POST', headers, body }))
  }

  expect(await statuses(5, send)).toEqual(repeat(200, 5))
})

describe('the answer 429 is, with the seconds to wait,', () => {
  const address = '192.0.2.1'

  async function exhaust(path: string, init: RequestInit): Promise<Response> {
    const handler = limitedTo({ anonymous: 1, client: 1 })
    const send = () => handler(new Request(`http://localhost${path}`, { method: 'POST', ...init }), { address })
    await send()
    const answer = await send()
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    return answer
  }

  test('in GraphQL an error with the code RATE_LIMITED', async () => {
    const headers = { 'content-type': 'application/json' }
    const answer = await exhaust('/graphql', { headers, body: JSON.stringify({ query: current }) })

    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] })
  })

  test('in OAuth temporarily_unavailable', async () => {
    const answer = await exhaust('/oauth2/revoke', { body: new URLSearchParams({ token: 'unknown' }) })

    expect(await answer.json()).toMatchObject({ error: 'temporarily_unavailable' })
  })

  test('for Elasticsearch’s clients the rejection that they know', async () => {
    const headers = { 'content-type': 'application/json', authorization: asAdmin }
    const body = JSON.stringify({ grant_type: 'client_credentials' })
    const answer = await exhaust('/_security/oauth2/token', { headers, body })

    expect(await answer.json()).toMatchObject({ error: { type: 'es_rejected_execution_exception' }, status: 429 })
  })
})

test('the memory for counters is bounded, however many addresses and ids strangers send', async () => {
  const limits = createRateLimits({ failures: 1, anonymous: 1, owner: 1, client: 1 }, { emit: () => undefined })
  const request = new Request('http://localhost/')

  const growth = await heapGrowth(async () => {
    for (let index = 0; index < 300_000; index++) {
      const address = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`
      await limits.charge({ kind: 'anonymous' }, contextOfRequest(request, address)).catch(() => undefined)
    }
  })

  expect(growth).toBeLessThan(40)
})

describe('with counts in the database, two instances', () => {
  const instance = () =>
    createHandler({
      tokens: service.tokens,
      assertReady: service.database.ping,
      emit: (event) => events.push(event),
      failureCounts: createFailureCounts(service.database),
    })

  test('refuse ten wrong secrets of an address as wrong, together, and the others as too many', async () => {
    const [one, other] = [instance(), instance()]

    const found = await statuses(30, () => ask(Math.random() < 0.5 ? one : other, { authorization: asWrong }))

    expect(found).toEqual([...repeat(401, 10), ...repeat(429, 20)])
    expect((await ask(one, { address: '192.0.2.2', authorization: asAdmin })).status).toBe(200)
  })

  test('forget when the minute is over, by the database’s clock', async () => {
    const handler = instance()
    await statuses(11, () => ask(handler, { authorization: asWrong }))
    const before = (await ask(handler, { authorization: asAdmin })).status

    await service.database.db.update(failedAuthentications).set({ endsAt: databaseClock })

    expect([before, (await ask(handler, { authorization: asAdmin })).status]).toEqual([429, 200])
  })

  test('keep neither the address nor the id, and what is over can be deleted', async () => {
    const { db } = service.database
    await ask(instance(), { authorization: asWrong })
    const kept = await db.select({ row: sql<string>`failed_authentications::text` }).from(failedAuthentications)
    await db.update(failedAuthentications).set({ endsAt: databaseClock })

    await deleteFailureCounts(service.database)

    expect(kept.length).toBe(2)
    expect(JSON.stringify(kept)).not.toMatch(/192\.0\.2|admin|not-the-secret/)
    expect(await db.$count(failedAuthentications)).toBe(0)
  })

  test('limit each by itself while the database cannot count', async () => {
    const unreachable = async () => Promise.reject(new Error('no database'))
    const handler = createHandler({
      tokens: service.tokens,
      assertReady: service.database.ping,
      emit: (event) => events.push(event),
      failureCounts: { add: unreachable, read: unreachable },
    })

    expect(await statuses(12, () => ask(handler, { authorization: asWrong }))).toEqual([...repeat(401, 10), 429, 429])
  })

  test('ask nothing for a request that is right, also after somebody else has failed', async () => {
    let asked = 0
    const counting = async () => ({ failures: ++asked, endsInMs: 1 })
    const handler = createHandler({
      tokens: service.tokens,
      assertReady: service.database.ping,
      emit: (event) => events.push(event),
      failureCounts: { add: counting, read: counting },
    })

    await statuses(20, () => ask(handler, { authorization: asAdmin }))
    const withoutFailure = asked
    await ask(handler, { address: '192.0.2.9', authorization: asWrong })
    const withFailure = asked
    await statuses(20, () => ask(handler, { authorization: asAdmin }))

    expect([withoutFailure, asked - withFailure]).toEqual([0, 0])
  })
})
