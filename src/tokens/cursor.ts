import { hash } from 'node:crypto'
import { badInput } from './owner.ts'

/** What a list is of: a cursor of one list is refused by another. */
export type CursorKind = 'session' | 'revocation'

/**
 * A place in a list, for strangers to keep and give back: opaque, and refused when it was not written here.
 *
 * It is no secret and no right: it says where to go on, and whose list that is the request itself says each time.
 */
export function writeCursor(kind: CursorKind, id: number): string {
  const place = Buffer.alloc(6)
  place.writeUIntBE(id, 0, 6)
  return Buffer.concat([place, checksum(kind, place)]).toString('base64url')
}

/** @throws TokenServiceError ERR_BAD_INPUT */
export function readCursor(kind: CursorKind, text: string): number {
  const bytes = Buffer.from(text, 'base64url')
  const place = bytes.subarray(0, 6)
  if (bytes.length !== 10 || !checksum(kind, place).equals(bytes.subarray(6)))
    throw badInput('Expected `after` to be a cursor that this list has given')
  return place.readUIntBE(0, 6)
}

function checksum(kind: CursorKind, place: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`cursor ${kind} `), place]), 'buffer').subarray(0, 4)
}
