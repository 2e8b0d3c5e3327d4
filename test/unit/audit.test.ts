import { serverAudits } from 'graphql-http'
import { describe, expect, test } from 'vitest'
import { createHandler } from '../../src/http/handler.ts'
import { noTokens } from '../support/no-tokens.ts'

const reports: unknown[] = []
const handler = createHandler({
  tokens: noTokens,
  assertReady: async () => {},
  emit: (event) => reports.push(event),
})

const audits = serverAudits({
  url: 'http://localhost/graphql',
  fetchFn: (url: string, init?: RequestInit) => handler(new Request(url, init)),
})

/** The audits of the GraphQL over HTTP working group. All pass: GET is open to queries and closed to mutations. */
describe('GraphQL over HTTP', () => {
  test.each(audits)('$name ($id)', async ({ fn }) => {
    const { status, ...rest } = await fn()

    expect(status, 'reason' in rest ? rest.reason : undefined).toBe('ok')
    expect(reports).toEqual([])
  })

  test('all of the audits are run', () => {
    expect(audits).toHaveLength(61)
  })
})
