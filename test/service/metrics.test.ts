import { afterAll, beforeAll, expect, test } from 'vitest'
import { findPort, type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { type RunningService, startProcess } from '../support/process.ts'

let postgres: RunningPostgres
let service: RunningService
let metricsUrl: string
beforeAll(async () => {
  postgres = await startPostgres()
  const port = await findPort()
  metricsUrl = `http://127.0.0.1:${port}/metrics`
  service = await startProcess({ DATABASE_URL: postgres.url, METRICS_PORT: String(port) })
})
afterAll(async () => {
  await service.end()
  await postgres.stop()
})

test('metrics are answered while the database is down, and say so', async () => {
  await postgres.kill()
  const query = '{ introspectToken(token: "ita_") { active } }'
  const headers = { 'content-type': 'application/json', authorization: service.authorization ?? '' }
  const refused = await fetch(service.url, { method: 'POST', headers, body: JSON.stringify({ query }) })

  const scraped = await fetch(metricsUrl)
  const lines = (await scraped.text()).split('\n')

  expect([refused.status, scraped.status]).toEqual([503, 200])
  expect(lines.find((line) => line.includes('statement_failures_total{statement="find_client"}'))).toMatch(/ [1-9]\d*$/)
  expect(lines).toContain('invalidate_token_verbs_total{verb="authenticate",outcome="storage_unavailable"} 1')
})
