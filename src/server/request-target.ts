import type { IncomingMessage } from 'node:http'

/**
 * Whether the request says plainly where it goes. The handler reads a url that is put together of `Host` and the target:
 * `Host: x/oauth2/introspect?` would choose the route there, past the rules that a proxy has for paths. A target in
 * absolute form is taken apart first (RFC 9112 §3.2.2), and its authority counts.
 */
export function normalizeRequestTarget(request: IncomingMessage): boolean {
  const { headers, rawHeaders, url = '/' } = request
  const [, authority, target] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url) ?? []
  if (authority !== undefined) headers.host = authority
  request.url = authority === undefined ? url : target?.replace(/^(?!\/)/, '/')
  const hosts = rawHeaders.filter((name, place) => place % 2 === 0 && name.toLowerCase() === 'host')
  return hosts.length <= 1 && isHost(headers.host ?? 'localhost') && isPlain(request.url ?? '/')
}

/** The answer to a request that does not. */
export const badRequestTarget = {
  status: 400,
  headers: { 'content-type': 'application/json' },
  body: '{"message":"Expected one `Host`, a name or an address, and a path without dot segments."}',
} as const

/** A name, an IPv4 or an IPv6 address, and maybe a port (RFC 9110 §7.2). */
const hostForm = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** `1.2.3.4.5` has the form of a host and is none. */
function isHost(host: string): boolean {
  return hostForm.test(host) && URL.canParse(`http://${host}`)
}

/** The path stands as it will be read: nothing of it is left to be resolved. */
function isPlain(target: string): boolean {
  const [path = ''] = target.split('?')
  return URL.canParse(path, 'http://localhost') && new URL(path, 'http://localhost').pathname === path
}
