import type { IncomingMessage } from 'node:http'

/**
 * Normalizes the request's target, and answers whether target and `Host` are unambiguous. The handler reads a url that
 * is built from both: `Host: x/oauth2/introspect?` would choose the route there, and evade a proxy's rules for paths. A
 * target in absolute form is split first, and its authority replaces `Host` (RFC 9112 §3.2.2).
 */
export function normalizeRequestTarget(request: IncomingMessage): boolean {
  const { headers, httpVersion, url = '/' } = request
  // RFC 9112 §3.2: "A server MUST respond with a 400 […] to any HTTP/1.1 request message that lacks a Host header field".
  if (headers.host === undefined && httpVersion !== '1.0') return false
  if (!url.startsWith('/')) splitAbsoluteTarget(request, url)
  return isHost(headers.host ?? 'localhost') && isResolvedPath(request.url ?? '/')
}

/** The answer to a request whose target or `Host` is ambiguous. */
export const badRequestTarget = {
  status: 400,
  headers: { 'content-type': 'application/json' },
  body: '{"message":"Expected `Host` to be a name or an address, and a path without dot segments."}',
} as const

function splitAbsoluteTarget(request: IncomingMessage, url: string): void {
  const [, authority, target] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url) ?? []
  if (authority === undefined) return
  request.headers.host = authority
  request.url = target?.replace(/^(?!\/)/, '/')
}

/** A name, an IPv4 or an IPv6 address, and optionally a port (RFC 9110 §7.2). */
const hostPattern = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** Hosts that were found good. A service is called by few names, so they are not parsed at each request. */
const knownHosts = new Set<string>()
const mostKnownHosts = 100

/** Whether it is a name or an address, and optionally a port. `1.2.3.4.5` matches the pattern, but it is no host. */
export function isHost(host: string): boolean {
  if (knownHosts.has(host)) return true
  if (!hostPattern.test(host) || !URL.canParse(`http://${host}`)) return false
  if (knownHosts.size < mostKnownHosts) knownHosts.add(host)
  return true
}

/** A path in which nothing can be left to be resolved. */
const plainPath = /^(?:\/[\w-]+)+(?:\?|$)/

/** Whether the path is already in the form in which the handler reads it: nothing in it is left to be resolved. */
function isResolvedPath(target: string): boolean {
  if (plainPath.test(target)) return true
  const [path = ''] = target.split('?')
  return URL.canParse(path, 'http://localhost') && new URL(path, 'http://localhost').pathname === path
}
