import { isIP } from 'node:net'
import type { Device } from './store.ts'
import { maskTokens } from './token.ts'

/** A device as the client sent it, unchecked. A field that is missing or null is unknown. */
export interface DeviceRequest {
  readonly label?: string | null | undefined
  readonly userAgent?: string | null | undefined
  readonly ipAddress?: string | null | undefined
}

const maxLabelLength = 100
/** A browser sends about 120 characters. */
const maxUserAgentLength = 512

/**
 * Reads what a device says of itself. No text is refused: a login service passes on what it was sent, so its owner could
 * not log in, and could not help it. What cannot be kept is cleaned, cut off, masked or left out.
 */
export function readDevice({ label, userAgent, ipAddress }: DeviceRequest): Device {
  return {
    label: cleanText(label ?? '', maxLabelLength),
    userAgent: cleanText(userAgent ?? '', maxUserAgentLength),
    ipAddress: findAddress(ipAddress ?? ''),
  }
}

/**
 * The text as it can be kept; undefined if nothing is left of it. Postgres has no NUL and no lone surrogate, a line break
 * could forge log lines, and a token must not be stored. Tokens are masked before the text is cut, so that a cut one is
 * found too.
 *
 * Servers like node:http read a header as Latin-1. UTF-8 in it then has C1 control characters, and remains unreadable
 * here: to decode it would be to guess.
 */
function cleanText(text: string, maxLength: number): string | undefined {
  const printable = text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  return cut(maskTokens(printable).trim(), maxLength).trimEnd() || undefined
}

/** Cuts well-formed text, but not through the middle of a surrogate pair: then the first half is removed too. */
function cut(text: string, maxLength: number): string {
  const start = text.slice(0, maxLength)
  return start.isWellFormed() ? start : start.slice(0, -1)
}

/**
 * The address in a text as proxies write it, or undefined.
 *
 *     192.0.2.1:8000            192.0.2.1     with the port of the connection
 *     [2001:db8::1]:443         2001:db8::1   likewise; the brackets may be there without a port
 *     fe80::1%eth0              fe80::1       a zone has a meaning only on the login service's own machine (RFC 4007 §6)
 *     192.0.2.1, 10.0.0.1       192.0.2.1     `X-Forwarded-For`: the client, then the proxies
 *
 * Of a list only the first element is looked at: the others are proxies, and not the device.
 */
function findAddress(text: string): string | undefined {
  const [first = ''] = text.split(',')
  const host = first.trim()
  const [, withoutPort = host] = /^\[(.*)\](?::\d+)?$/.exec(host) ?? /^([\d.]+):\d+$/.exec(host) ?? []
  const address = withoutPort.replace(/%.*$/s, '')
  return isIP(address) === 0 ? undefined : address
}
