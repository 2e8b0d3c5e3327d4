import type { IncomingMessage } from 'node:http'

/**
 * Normalizes the request's target, and answers whether target and `Host` are unambiguous. The handler reads a url that
 * is built from both: `Host: x/oauth2/introspect?` would choose the route there, and evade a proxy's rules for paths. A
 * target in absolute form is split first, and its authority replaces `Host` (RFC 9112 §3.2.2).
 */
export function normalizeRequestTarget(request: IncomingMessage): boolean {
  const { headers, rawHeaders, url = '/' } = request
  const [, authority, target] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url) ?? []
  if (authority !== undefined) headers.host = authority
  request.url = authority === undefined ? url : target?.replace(/^(?!\/)/, '/')
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host')
  return hosts.length <= 1 && isHost(headers.host ?? 'localhost') && isResolvedPath(request.url ?? '/')
}

/** The answer to a request whose target or `Host` is ambiguous. */
export const badRequestTarget = {
  status: 400,
  headers: { 'content-type': 'application/json' },
  body: '{"message":"Expected one `Host`, a name or an address, and a path without dot segments."}',
} as const

/** A name, an IPv4 or an IPv6 address, and optionally a port (RFC 9110 §7.2). */
const hostPattern = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** `1.2.3.4.5` matches the pattern, but it is no host. */
function isHost(host: string): boolean {
  return hostPattern.test(host) && URL.canParse(`http://${host}`)
}

/** Whether the path is already in the form in which the handler reads it: nothing in it is left to be resolved. */
function isResolvedPath(target: string): boolean {
  const [path = ''] = target.split('?')
  return URL.canParse(path, 'http://localhost') && new URL(path, 'http://localhost').pathname === path
}
