import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import proxyAddress from 'proxy-addr'
import { isHost } from './request-target.ts'

/**
 * The proxies before this service whose `X-Forwarded-…` headers are believed: how many of them there are, or their
 * addresses and networks.
 */
export type TrustedProxies = number | readonly string[]

/** What is known of the client of a request. */
export interface Client {
  readonly address: string | undefined
  /** The origin by which the client has called, as a trusted proxy says. Undefined without one. */
  readonly origin: string | undefined
}

/**
 * Reads who the client is. Without trusted proxies it is the other end of the connection, and the headers are not read:
 * anyone can send them. RFC 7239's `Forwarded` is never read: a proxy that sets the one lets the other pass.
 *
 * @throws Error: an entry of the list is no address and no network
 */
export function createForwarded(trusted: TrustedProxies = 0): {
  readonly clientOf: (request: IncomingMessage) => Client
} {
  if (trusted === 0) return { clientOf: ({ socket }) => ({ address: socket.remoteAddress, origin: undefined }) }
  const trusts = createTrust(trusted)
  return {
    clientOf: (request) => {
      const { remoteAddress } = request.socket
      if (remoteAddress === undefined || !trusts(remoteAddress, 0)) return { address: remoteAddress, origin: undefined }
      // What a client wrote there itself, where a proxy is missing, may be no address.
      const address = proxyAddress(request, trusts)
      return { address: isIP(address) > 0 ? address : remoteAddress, origin: originOf(request) }
    },
  }
}

/** @throws Error: an entry of the list is no address and no network */
export function createTrust(trusted: TrustedProxies): (address: string, hop: number) => boolean {
  return typeof trusted === 'number' ? (_address, hop) => hop < trusted : proxyAddress.compile([...trusted])
}

/** Undefined unless the proxy has set both once: of several values, some may be the client's. */
function originOf({ headers }: IncomingMessage): string | undefined {
  const [scheme, host] = [headers['x-forwarded-proto'], headers['x-forwarded-host'] ?? headers.host]
  if (scheme !== 'http' && scheme !== 'https') return undefined
  return typeof host === 'string' && isHost(host) ? `${scheme}://${host.toLowerCase()}` : undefined
}
