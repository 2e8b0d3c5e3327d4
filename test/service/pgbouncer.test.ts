import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { isPgbouncerMissing, type Pooler, startPooler } from '../support/pgbouncer.ts'
import { startProcess } from '../support/process.ts'

describe.skipIf(isPgbouncerMissing)('behind pgbouncer in transaction mode', () => {
  let postgres: RunningPostgres
  let pooler: Pooler
  let pooledUrl: string
  let directUrl: string
  beforeAll(async () => {
    postgres = await startPostgres()
    directUrl = await postgres.createDatabase('pooled')
    const administrator = new pg.Client({ connectionString: postgres.url })
    await administrator.connect()
    await administrator.query("alter role postgres in database pooled set statement_timeout = '10s'")
    await administrator.end()
    pooler = await startPooler(postgres.url)
    pooledUrl = pooler.urlOf(directUrl)
  })
  afterAll(async () => {
    await pooler.stop()
    await postgres.stop()
  })

  test('two instances create, invalidate and introspect a hundred tokens concurrently', async () => {
    const environment = { DATABASE_URL: pooledUrl, DATABASE_DIRECT_URL: directUrl }
    const one = await startProcess(environment)
    const other = await startProcess(environment)
    const ask = async (url: string, query: string) => {
      const headers = { 'content-type': 'application/json', authorization: one.authorization ?? '' }
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })
      return response.json()
    }

    const rounds = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const created = await ask(
          one.url,
          `mutation { createTokenPair(input: { realmName: "r", username: "u${n}" }) { accessToken } }`,
        )
        const token = created.data.createTokenPair.accessToken
        const ended = await ask(
          other.url,
          `mutation { invalidateToken(input: { token: "${token}" }) { invalidatedTokens } }`,
        )
        const seen = await ask(one.url, `{ introspectToken(token: "${token}") { active } }`)
        return [ended.data.invalidateToken.invalidatedTokens, seen.data.introspectToken.active]
      }),
    )

    expect(new Set(rounds.map(String))).toEqual(new Set(['1,false']))
    const rest = await ask(
      other.url,
      'mutation { invalidateToken(input: { owner: { realmName: "r" } }) { invalidatedTokens previouslyInvalidatedTokens } }',
    )
    expect(rest.data.invalidateToken).toEqual({ invalidatedTokens: 100, previouslyInvalidatedTokens: 100 })
    await one.end()
    await other.end()
  })
})
