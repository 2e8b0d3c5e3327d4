import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { subscribe } from '../support/event-stream.ts'
import { isNginxMissing, type ReverseProxy, startNginx } from '../support/nginx.ts'
import { readPage } from '../support/pages.ts'
import { type RunningService, startProcess } from '../support/process.ts'

describe.skipIf(isNginxMissing)('behind nginx as docs/operate.md sets it up', () => {
  let postgres: RunningPostgres
  let service: RunningService
  let proxy: ReverseProxy
  beforeAll(async () => {
    postgres = await startPostgres()
    service = await startProcess({ DATABASE_URL: await postgres.createDatabase('proxied'), TRUST_PROXY: 'loopback' })
    const { blocks } = await readPage('docs/operate.md')
    const { code } = blocks.find(({ language }) => language === 'nginx') ?? expect.unreachable()
    proxy = await startNginx(code, service.url)
  })
  afterAll(async () => {
    await service.end()
    await proxy.stop()
    await postgres.stop()
  })

  test('events arrive as they are sent', async () => {
    const query = 'subscription { revocationFeed { hasGap } }'
    const url = `${proxy.origin}/graphql`

    const stream = await subscribe(fetch, { query, authorization: service.authorization, url })

    expect(await stream.next()).toEqual({ data: { revocationFeed: { hasGap: false } } })
    await stream.close()
  })

  test('the issuer is the origin that the client called, whatever the client says that it is', async () => {
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }

    const answer = await fetch(`${proxy.origin}/.well-known/oauth-authorization-server`, { headers })

    // `$host` has no port.
    expect(await answer.json()).toMatchObject({ issuer: 'http://127.0.0.1' })
  })

  test('the answer names the request as nginx does in its own log', async () => {
    const { headers } = await fetch(`${proxy.origin}/health`)

    expect(headers.get('x-request-id')).toMatch(/^[\da-f]{32}$/)
  })
})
