import { describe, expect, test } from 'vitest'
import type { AllowedOrigins } from '../../src/http/cors.ts'
import { createHandler } from '../../src/http/handler.ts'
import { noTokens } from '../support/no-tokens.ts'

const dependencies = { tokens: noTokens, assertReady: async () => undefined, emit: () => undefined }
const page = 'https://app.example'

/** Which origin's pages may read the answer, as it says. */
async function allowedBy(corsOrigins: AllowedOrigins, origin: string, [method, path]: readonly [string, string]) {
  const handler = createHandler({ ...dependencies, corsOrigins })
  const asked = method === 'OPTIONS' && { 'access-control-request-method': 'POST' }
  const request = new Request(`http://localhost${path}`, { method, headers: { origin, ...asked } })
  const { headers } = await handler(request)
  expect(headers.has('access-control-allow-credentials')).toBe(false)
  return headers.get('access-control-allow-origin')
}

const routes: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/graphql?query={__typename}'],
  ['OPTIONS', '/graphql'],
  ['POST', '/oauth2/revoke'],
  ['OPTIONS', '/oauth2/revoke'],
  ['GET', '/.well-known/oauth-authorization-server'],
]

describe.each(routes)('%s %s', (...route) => {
  test('can be called by the pages of a listed origin', async () => {
    expect(await allowedBy([page, 'https://b.example'], page, route)).toBe(page)
    expect(await allowedBy([page], page, route)).toBe(page)
  })

  test.each(['https://evil.example', 'null', `${page}.evil.example`, page.toUpperCase()])(
    'cannot be called by the pages of %s, which is not listed',
    async (origin) => {
      expect(await allowedBy([page, 'https://b.example'], origin, route)).toBe(null)
      expect(await allowedBy([page], origin, route)).toBe(null)
      expect(await allowedBy([], origin, route)).toBe(null)
    },
  )

  test('can be called by the pages of any origin, if nothing else is set', async () => {
    expect(['*', page]).toContain(await allowedBy('*', page, route))
  })
})
