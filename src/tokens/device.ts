import { isIP } from 'node:net'
import { badInput, readText } from './owner.ts'
import type { Device } from './store.ts'

/** As a stranger sent it: what is missing or null is not known. */
export interface DeviceRequest {
  readonly label?: string | null | undefined
  readonly userAgent?: string | null | undefined
  readonly ipAddress?: string | null | undefined
}

const longestLabel = 100
/** A browser's has some 120 characters. A longer one is cut, not refused: nobody should fail to log in over it. */
const longestUserAgent = 512
/** An IPv6 address has at most 45 characters; the name of a zone may follow, which `isIP` lets be as long as it likes. */
const longestAddress = 64

/** @throws TokenServiceError ERR_BAD_INPUT */
export function readDevice({ label, userAgent, ipAddress }: DeviceRequest): Device {
  if (ipAddress && (ipAddress.length > longestAddress || isIP(ipAddress) === 0))
    throw badInput('Expected `device.ipAddress` to be an IPv4 or IPv6 address')
  return {
    label: label ? readText('device.label', label, longestLabel) : undefined,
    userAgent: userAgent ? cut(readText('device.userAgent', userAgent, Number.POSITIVE_INFINITY)) : undefined,
    ipAddress: ipAddress || undefined,
  }
}

/** Not through the middle of a character. */
function cut(text: string): string {
  return text
    .slice(0, longestUserAgent)
    .toWellFormed()
    .replace(/\ufffd$/, '')
}
