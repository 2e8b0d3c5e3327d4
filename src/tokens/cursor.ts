import { hash } from 'node:crypto'
import { badInput } from './input-fault.ts'

/** What a list contains. A cursor of one kind of list is refused by another. */
export type CursorKind = 'session' | 'revocation'

/**
 * Writes a position in a list as opaque text, which the client sends back to get the next page. A checksum lets
 * `readCursor` refuse text that this function did not write.
 *
 * A cursor is not secret and grants no access: it only says where to continue. Each request names the owner again, and
 * access is checked again.
 */
export function writeCursor(kind: CursorKind, id: number): string {
  const position = Buffer.alloc(6)
  position.writeUIntBE(id, 0, 6)
  return Buffer.concat([position, checksum(kind, position)]).toString('base64url')
}

/**
 * The id in a cursor that `writeCursor` wrote for the same kind of list.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readCursor(kind: CursorKind, text: string): number {
  const bytes = Buffer.from(text, 'base64url')
  const position = bytes.subarray(0, 6)
  if (bytes.length !== 10 || !checksum(kind, position).equals(bytes.subarray(6)))
    throw badInput({ field: 'cursor', expected: 'to be a cursor that this list has given' })
  return position.readUIntBE(0, 6)
}

function checksum(kind: CursorKind, position: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`cursor ${kind} `), position]), 'buffer').subarray(0, 4)
}
