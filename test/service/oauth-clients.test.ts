import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { basic } from '../support/basic.ts'
import { logIn } from '../support/frontends.ts'
import { type RunningService, startProcess } from '../support/process.ts'

/** Has characters that RFC 6749 §2.3.1 encodes in Basic, and some that look as if they were encoded already. */
const secret = 'a-secret_of+32-characters.or:more%41'
const issuer = new URL('https://tokens.example.com')

let postgres: RunningPostgres
let service: RunningService
beforeAll(async () => {
  postgres = await startPostgres()
  const database = await postgres.createDatabase('oauth')
  service = await startProcess({ DATABASE_URL: database, ADMIN_SECRET: secret, PUBLIC_URL: `${issuer}` })
})
afterAll(async () => {
  await service.end()
  await postgres.stop()
})

async function issue() {
  const details = { username: 'alice', scopes: ['read', 'write'] }
  const { accessToken, refreshToken } = await logIn(service.url, `admin:${secret}`, details)
  return { accessToken, refreshToken: refreshToken ?? expect.unreachable() }
}
const urlOf = (path: string) => new URL(path, service.url)

/** A fake of the proxy in front of the service that terminates TLS: clients reach it by `PUBLIC_URL`. */
const throughProxy = (url: string, init: object): Promise<Response> => {
  expect(new URL(url).origin).toBe(issuer.origin)
  return fetch(urlOf(new URL(url).pathname), init)
}

/** The authentication methods and clients; the last column is whether the client may introspect. */
const methods = [
  ['client_secret_basic', 'admin', oauth.ClientSecretBasic(secret), openid.ClientSecretBasic(secret), true],
  ['client_secret_post', 'admin', oauth.ClientSecretPost(secret), openid.ClientSecretPost(secret), true],
  ['none', 'a-public-app', oauth.None(), openid.None(), false],
] as const

describe.each(methods)('with %s as %s', (_method, clientId, oauthMethod, openidMethod, isConfidential) => {
  test('oauth4webapi discovers, refreshes, introspects and revokes', async () => {
    const client = { client_id: clientId }
    const options = { [oauth.customFetch]: throughProxy }
    const discovered = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
    const server = await oauth.processDiscoveryResponse(issuer, discovered)
    const refresh = async (token: string, scope = 'read') => {
      const given = { ...options, additionalParameters: { scope } }
      const answer = await oauth.refreshTokenGrantRequest(server, client, oauthMethod, token, given)
      return oauth.processRefreshTokenResponse(server, client, answer)
    }
    const introspect = async (token: string) => {
      const answer = await oauth.introspectionRequest(server, client, oauthMethod, token, options)
      return oauth.processIntrospectionResponse(server, client, answer)
    }
    const revoke = async (token: string) =>
      oauth.processRevocationResponse(await oauth.revocationRequest(server, client, oauthMethod, token, options))
    const pair = await issue()

    const refreshed = await refresh(pair.refreshToken)
    expect(refreshed).toMatchObject({ token_type: 'bearer', expires_in: 1200, scope: 'read write' })

    if (isConfidential)
      expect(await introspect(refreshed.access_token)).toMatchObject({
        active: true,
        sub: 'demo/alice',
        iss: issuer.origin,
      })
    else await expect(introspect(refreshed.access_token)).rejects.toThrow(oauth.WWWAuthenticateChallengeError)

    for (const token of [refreshed.access_token, refreshed.access_token, 'unknown']) await revoke(token)
    if (isConfidential) expect(await introspect(refreshed.access_token)).toEqual({ active: false })
    await revoke(refreshed.refresh_token ?? expect.unreachable())
    await expect(refresh(refreshed.refresh_token ?? '')).rejects.toMatchObject({ status: 400, error: 'invalid_grant' })
    await expect(refresh((await issue()).refreshToken, 'admin')).rejects.toMatchObject({ error: 'invalid_scope' })
  })

  test('openid-client does the same', async () => {
    const server = await openid.discovery(issuer, clientId, undefined, openidMethod, {
      algorithm: 'oauth2',
      [openid.customFetch]: throughProxy,
    })
    const pair = await issue()

    const refreshed = await openid.refreshTokenGrant(server, pair.refreshToken)
    const refreshToken = refreshed.refresh_token ?? expect.unreachable()
    expect([refreshed.expires_in, refreshed.scope]).toEqual([1200, 'read write'])

    if (isConfidential)
      expect(await openid.tokenIntrospection(server, refreshToken)).toMatchObject({ active: true, username: 'alice' })
    else
      await expect(openid.tokenIntrospection(server, refreshToken)).rejects.toThrow(
        openid.WWWAuthenticateChallengeError,
      )

    await openid.tokenRevocation(server, refreshToken, { token_type_hint: 'access_token' })
    if (isConfidential)
      expect(await openid.tokenIntrospection(server, refreshed.access_token)).toEqual({ active: false })
    await expect(openid.refreshTokenGrant(server, refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
  })
})

test('a wrong secret is answered as the standards require', async () => {
  const options = { algorithm: 'oauth2', [openid.customFetch]: throughProxy } as const
  const server = await openid.discovery(issuer, 'admin', undefined, openid.ClientSecretBasic('wrong'), options)

  await expect(openid.tokenRevocation(server, 'unknown')).rejects.toMatchObject({
    status: 401,
    cause: [{ scheme: 'basic', parameters: { realm: 'invalidate-token' } }, { scheme: 'bearer' }],
  })
})

const asAdmin = { authorization: basic('admin', secret) }
const grant = 'grant_type=refresh_token&refresh_token'

/** Sent with node's own fetch. ACCESS and REFRESH are the tokens of a new pair, AUTH is the admin's credentials. */
const table = `
 RFC 6749 §3.2    a parameter occurs once                          | POST /oauth2/revoke         | token=ACCESS&token=ACCESS       | 400 invalid_request
 RFC 6749 §3.2    an empty parameter counts as omitted             | POST /oauth2/revoke         | token=                          | 400 invalid_request
 RFC 6749 §3.2    an unknown parameter is ignored                  | POST /oauth2/revoke         | token=ACCESS&resource=x         | 200
 RFC 6749 §2.3    one authentication method at a time              | POST /oauth2/revoke   AUTH  | token=x&client_secret=y         | 400 invalid_request
 RFC 6749 §5.2    a wrong secret                                   | POST /oauth2/revoke         | token=x&client_id=a&client_secret=b | 401 invalid_client
 RFC 6749 §5.2    an unsupported grant type                        | POST /oauth2/token          | grant_type=password             | 400 unsupported_grant_type
 RFC 6749 §5.2    a missing grant type                             | POST /oauth2/token          | refresh_token=REFRESH           | 400 invalid_request
 RFC 6749 §5.2    a token that is no refresh token                 | POST /oauth2/token          | ${grant}=ACCESS                 | 400 invalid_grant
 RFC 6749 §6      a scope beyond the grant                         | POST /oauth2/token          | ${grant}=REFRESH&scope=admin    | 400 invalid_scope
 RFC 6749 §6      a refresh token that the caller issued           | POST /oauth2/token    AUTH  | ${grant}=REFRESH                | 200
 RFC 7009 §2      revocation is by POST                            | GET /oauth2/revoke          |                                 | 405
 RFC 7009 §2.1    a token is required                              | POST /oauth2/revoke         | token_type_hint=access_token    | 400 invalid_request
 RFC 7009 §2.1    a wrong hint does not matter                     | POST /oauth2/revoke         | token=ACCESS&token_type_hint=refresh_token | 200
 RFC 7009 §2.2    an invalid token is not an error                 | POST /oauth2/revoke         | token=unknown                   | 200
 RFC 7662 §2.1    the caller authenticates                         | POST /oauth2/introspect     | token=ACCESS                    | 401 invalid_client
 RFC 7662 §2.1    introspection is by POST                         | GET /oauth2/introspect AUTH |                                 | 405
 RFC 7662 §2.2    an invalid token is inactive                     | POST /oauth2/introspect AUTH | token=unknown                  | 200 {"active":false}
 RFC 8414 §3      metadata is by GET                               | GET /.well-known/oauth-authorization-server | | 200
`
const cases = table
  .trim()
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll(/ +/g, ' ')))

test.each(cases)('%s: %s %s is answered %s', async (_rule, request = '', body = '', expected = '') => {
  const pair = await issue()
  const [method = '', path = '', auth] = request.split(' ')
  const form = body.replaceAll('ACCESS', pair.accessToken).replaceAll('REFRESH', pair.refreshToken)
  const headers = { 'content-type': 'application/x-www-form-urlencoded', ...(auth && asAdmin) }

  const answer = await fetch(urlOf(path), { method, headers, ...(method === 'POST' && { body: form }) })
  const text = await answer.text()

  const [status, word = ''] = expected.split(' ')
  expect(answer.status).toBe(Number(status))
  expect(text).toContain(word)
  if (method === 'POST') expect(answer.headers.get('cache-control')).toBe('no-store')
})

test('draft-parecki-oauth-global-token-revocation: a known subject is logged out everywhere and answered 204', async () => {
  const pair = await issue()
  const introspect = async () => {
    const body = new URLSearchParams({ token: pair.refreshToken })
    return (await fetch(urlOf('/oauth2/introspect'), { method: 'POST', headers: asAdmin, body })).json()
  }
  const { iss, sub } = await introspect()

  const { status } = await fetch(urlOf('/oauth2/global-token-revocation'), {
    method: 'POST',
    headers: { ...asAdmin, 'content-type': 'application/json' },
    body: JSON.stringify({ sub_id: { format: 'iss_sub', iss, sub } }),
  })

  expect(status).toBe(204)
  expect(await introspect()).toEqual({ active: false })
})
