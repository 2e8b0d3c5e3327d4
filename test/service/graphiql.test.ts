import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import {
  chromiumPath,
  type OpenPage,
  openPage,
  openTab,
  readResult,
  run,
  writeHeaders,
  writeQuery,
} from '../support/graphiql.ts'
import { type RunningService, startProcess } from '../support/process.ts'

let postgres: RunningPostgres
let service: RunningService
let graphiql: OpenPage
const isInstalled = existsSync(chromiumPath)

async function result(): Promise<unknown> {
  await run(graphiql.page)
  return readResult(graphiql.page)
}

const counts = (invalidatedTokens: number, previouslyInvalidatedTokens: number) => ({
  data: { invalidateToken: { invalidatedTokens, previouslyInvalidatedTokens } },
})

// Reason for the skip: a browser is not an npm package. .ci/run installs Debian's, so CI never skips.
describe.skipIf(!isInstalled)('GraphiQL in a browser without internet', () => {
  beforeAll(async () => {
    postgres = await startPostgres()
    service = await startProcess({ DATABASE_URL: await postgres.createDatabase('graphiql') })
    graphiql = await openPage(service.url)
  })
  afterAll(async () => {
    await graphiql.close()
    await service.end()
    await postgres.stop()
  })

  test('lets a new user create a pair, invalidate its access token and read the counts', async () => {
    const { page } = graphiql
    await openTab(page, 'CreatePair')
    await writeHeaders(page, JSON.stringify({ Authorization: service.authorization }))
    const created = await result()
    expect(created).toMatchObject({ data: { createTokenPair: { session: { realmName: 'demo', username: 'alice' } } } })
    const token = /ita_[\w-]+/.exec(JSON.stringify(created))?.[0]

    await openTab(page, 'InvalidateToken')
    await writeQuery(
      page,
      `mutation InvalidateToken { invalidateToken(input: { token: "${token}" }) { invalidatedTokens previouslyInvalidatedTokens } }`,
    )

    expect(await result()).toEqual(counts(1, 0))
    expect(await result()).toEqual(counts(0, 1))
    expect(page.url()).not.toContain('ita_')
    expect(graphiql.externalRequests).toEqual([])
    expect(graphiql.complaints).toEqual([])
  })

  test('is sent compressed, and only once to a browser that caches it', async () => {
    const ask = (headers: Readonly<Record<string, string>>) =>
      fetch(service.url, { headers: { accept: 'text/html', ...headers } })

    const page = await ask({ 'accept-encoding': 'gzip' })
    const again = await ask({ 'accept-encoding': 'gzip', 'if-none-match': page.headers.get('etag') ?? '' })
    const plain = await ask({ 'accept-encoding': 'identity' })

    expect([page.headers.get('content-encoding'), page.headers.get('content-type')]).toEqual([
      'gzip',
      'text/html; charset=utf-8',
    ])
    expect(Number(page.headers.get('content-length') ?? 0)).toBeLessThan(3_000_000)
    expect([again.status, plain.headers.get('content-encoding')]).toEqual([304, null])
    expect(await plain.text()).toBe(await page.text())
  })
})
