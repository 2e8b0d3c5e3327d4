import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { isPgbouncerMissing, type Pooler, startPooler } from '../support/pgbouncer.ts'
import { type RunningService, startProcess } from '../support/process.ts'

let postgres: RunningPostgres
let client: pg.Client
let directUrl: string
beforeAll(async () => {
  postgres = await startPostgres()
  directUrl = await postgres.createDatabase('clocks')
  client = new pg.Client({ connectionString: directUrl })
  await client.connect()
  // Which the service needs behind a pooler.
  await client.query("alter role postgres in database clocks set statement_timeout = '10s'")
})
afterAll(async () => {
  await client.end()
  await postgres.stop()
})

const secret = 'a-secret-for-tests-of-32-characters'
const authorization = `Basic ${Buffer.from(`admin:${secret}`).toString('base64')}`

/** Starts an instance whose clock is wrong by so many seconds. */
function startInstance(url: string, skew: number): Promise<RunningService> {
  const clock = `const now = Date.now; Date.now = () => now() + ${skew * 1000}; globalThis.Date = class extends Date {
    constructor(...given) { super(...(given.length === 0 ? [Date.now()] : given)) } }`
  return startProcess({
    DATABASE_URL: url,
    DATABASE_DIRECT_URL: directUrl,
    ADMIN_SECRET: secret,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(clock)}`,
  })
}

async function ask({ url }: RunningService, query: string) {
  const headers = { 'content-type': 'application/json', authorization }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })
  const { data, errors } = await response.json()
  expect(errors).toBeUndefined()
  return data
}

/** Of the database, in whole milliseconds: those that have begun, or those that have passed. */
async function readClock(round: 'floor' | 'ceil'): Promise<string> {
  const { rows } = await client.query('select extract(epoch from clock_timestamp()) * 1000 as ms')
  return new Date(Math[round](Number(rows[0].ms))).toISOString()
}

async function sweep(service: RunningService, issuedBefore: string): Promise<number> {
  const { invalidateToken } = await ask(
    service,
    `mutation { invalidateToken(input: { owner: { realmName: "r" } }, options: { issuedBefore: "${issuedBefore}" }) { invalidatedTokens } }`,
  )
  return invalidateToken.invalidatedTokens
}

const login = 'mutation { createTokenPair(input: { realmName: "r", username: "u" }) { accessToken expiresIn } }'

describe.each([
  ['on direct connections', false],
  ['behind pgbouncer in transaction mode', true],
])('%s', (_, isPooled) => {
  let pooler: Pooler | undefined
  beforeAll(async () => {
    if (isPooled && !isPgbouncerMissing) pooler = await startPooler(postgres.url)
  })
  afterAll(() => pooler?.stop())

  test.skipIf(isPooled && isPgbouncerMissing).each([3600, -3600])(
    'an instance whose clock is wrong by %d s changes nothing of what `issuedBefore` covers',
    async (skew) => {
      const url = pooler?.urlOf(directUrl) ?? directUrl
      const [wrong, right] = await Promise.all([startInstance(url, skew), startInstance(url, 0)])
      const before = await readClock('floor')
      expect((await ask(wrong, login)).createTokenPair.expiresIn).toBe(1200)
      const after = await readClock('ceil')

      const swept = [await sweep(right, before), await sweep(wrong, before), await sweep(right, after)]
      const { revocations } = await ask(right, '{ revocations(first: 1) { nodes { invalidatedTokens } } }')
      await Promise.all([wrong.end(), right.end()])

      expect(swept).toEqual([0, 0, 2])
      expect(revocations.nodes).toEqual([{ invalidatedTokens: 2 }])
    },
  )
})

const day = 24 * 3600

test.each([25 * 3600, 31 * day, -25 * 3600])(
  'an instance whose clock is wrong by %d s ends no login, deletes no row and says that its clock is wrong',
  async (skew) => {
    const right = await startInstance(directUrl, 0)
    const names = Array.from({ length: 20 }, (_, index) => `u${skew}-${index}`)
    const logins = await Promise.all(
      names.map((username) =>
        ask(
          right,
          `mutation { createTokenPair(input: { realmName: "s", username: "${username}" }) { accessToken refreshToken } }`,
        ),
      ),
    )
    const tokens = logins.flatMap(({ createTokenPair: pair }) => [pair.accessToken, pair.refreshToken])
    await ask(right, 'mutation { invalidateToken(input: { owner: { realmName: "nobody" } }) { errorCount } }')
    const before = await countRows()

    const wrong = await startInstance(directUrl, skew)
    await expect.poll(wrong.output, { timeout: 60_000 }).toContain('"event":"clock_skewed"')

    const introspect = (token: string) => `{ introspectToken(token: "${token}") { active } }`
    const states = await Promise.all(tokens.map((token) => ask(wrong, introspect(token))))
    expect(states.filter(({ introspectToken }) => introspectToken.active)).toHaveLength(40)
    expect(await countRows()).toEqual(before)
    expect(right.output()).not.toContain('clock_skewed')
    await Promise.all([wrong.end(), right.end()])
  },
)

async function countRows(): Promise<unknown> {
  const { rows } = await client.query(
    'select (select count(*) from token_pairs) as pairs, (select count(*) from revocations) as revocations',
  )
  return rows[0]
}
