import { isIP } from 'node:net'
import { badInput } from './input-fault.ts'
import { readStoredText } from './read-input.ts'
import type { Device } from './store.ts'

/** A device as the client sent it, unchecked. A field that is missing or null is unknown. */
export interface DeviceRequest {
  readonly label?: string | null | undefined
  readonly userAgent?: string | null | undefined
  readonly ipAddress?: string | null | undefined
}

const maxLabelLength = 100
/** A browser sends about 120 characters. A longer text is cut and not refused, so that it does not prevent a login. */
const maxUserAgentLength = 512
/** An IPv6 address has at most 45 characters. A zone name may follow, and `isIP` accepts one of any length. */
const maxAddressLength = 64

/** @throws TokenServiceError ERR_BAD_INPUT */
export function readDevice({ label, userAgent, ipAddress }: DeviceRequest): Device {
  if (ipAddress && (ipAddress.length > maxAddressLength || isIP(ipAddress) === 0))
    throw badInput({ field: 'device.ipAddress', expected: 'to be an IPv4 or IPv6 address' })
  return {
    label: label ? readStoredText('device.label', label, maxLabelLength) : undefined,
    userAgent: userAgent ? cut(readStoredText('device.userAgent', userAgent, Number.POSITIVE_INFINITY)) : undefined,
    ipAddress: ipAddress || undefined,
  }
}

/** Cuts the text, but not through the middle of a surrogate pair: a half one is removed. */
function cut(text: string): string {
  return text
    .slice(0, maxUserAgentLength)
    .toWellFormed()
    .replace(/\ufffd$/, '')
}
