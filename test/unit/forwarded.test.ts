import { afterEach, expect, test } from 'vitest'
import { createRoutes } from '../../src/http/routes.ts'
import type { TrustedProxies } from '../../src/server/forwarded.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { noTokens } from '../support/no-tokens.ts'

let server: RunningServer | undefined
afterEach(() => server?.stop())

/** Who the service takes the client for, of a request on 127.0.0.1 with these headers. */
async function clientOf(trustedProxies: TrustedProxies | undefined, headers: Readonly<Record<string, string>>) {
  const emit = () => undefined
  const routes = createRoutes({ tokens: noTokens, assertReady: async () => undefined, emit })
  const answer: typeof routes.answer = async (_request, { address, origin }) => Response.json({ address, origin })
  const options = { routes: { ...routes, answer }, port: 0, host: '127.0.0.1', emit }
  server = await startServer(trustedProxies === undefined ? options : { ...options, trustedProxies })
  return (await fetch(`${server.origin}/health`, { headers })).json()
}

const here = '127.0.0.1'
const byProxy = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'tokens.example' }
const known = { address: '192.0.2.7', origin: 'https://tokens.example' }

test.each<[name: string, trusted: TrustedProxies | undefined, headers: Record<string, string>, client: object]>([
  ['no proxy is trusted unless it is set', undefined, byProxy, { address: here }],
  ['a number of proxies is trusted', 1, byProxy, known],
  ['a network of proxies is trusted', ['127.0.0.0/8'], byProxy, known],
  ['a proxy at another address is not trusted', ['10.0.0.0/8'], byProxy, { address: here }],
  ['RFC 7239’s header is not read', 1, { forwarded: 'for=192.0.2.7;proto=https' }, { address: here }],
])('%s', async (_name, trusted, headers, client) => {
  expect(await clientOf(trusted, headers)).toEqual(client)
})

test.each<[name: string, trusted: TrustedProxies, headers: Record<string, string>, address: string]>([
  ['what the client itself wrote before its address', 1, { 'x-forwarded-for': '198.51.100.1, 192.0.2.7' }, '192.0.2.7'],
  ['what stands before the trusted networks', ['loopback'], { 'x-forwarded-for': '1.1.1.1, 192.0.2.7' }, '192.0.2.7'],
  ['what is no address', 1, { 'x-forwarded-for': "' or 1=1" }, here],
  ['an empty header', 1, { 'x-forwarded-for': '' }, here],
])('the address is not %s', async (_name, trusted, headers, address) => {
  expect(await clientOf(trusted, headers)).toMatchObject({ address })
})

test.each<[name: string, headers: Record<string, string>]>([
  ['two schemes', { 'x-forwarded-proto': 'http, https' }],
  ['another scheme', { 'x-forwarded-proto': 'javascript' }],
  ['two hosts', { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example, tokens.example' }],
  ['a host with a path', { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example/oauth2' }],
])('an origin is not read of %s: some of it may be the client’s', async (_name, headers) => {
  expect(await clientOf(1, { ...byProxy, ...headers })).toEqual({ address: known.address })
})

test('without `X-Forwarded-Host` the proxy has passed on `Host`', async () => {
  const { origin } = await clientOf(1, { 'x-forwarded-proto': 'https' })

  expect(origin).toBe(server?.origin.replace('http:', 'https:'))
})

test('OAuth’s issuer is the origin that the client has called', async () => {
  const emit = () => undefined
  const routes = createRoutes({ tokens: noTokens, assertReady: async () => undefined, emit })
  server = await startServer({ routes, port: 0, host: here, trustedProxies: 1, emit })

  const metadata = await fetch(`${server.origin}/.well-known/oauth-authorization-server`, { headers: byProxy })

  expect(await metadata.json()).toMatchObject({ issuer: 'https://tokens.example' })
})
