import { hash } from 'node:crypto'
import type { TokenServiceError } from './errors.ts'
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
  const position = Buffer.alloc(idBytes)
  position.writeUIntBE(id, 0, idBytes)
  return writePosition(kind, position)
}

/**
 * The id in a cursor that `writeCursor` wrote for the same kind of list.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readCursor(kind: CursorKind, text: string): number {
  const position = readPosition(kind, text)
  if (position.length !== idBytes) throw wrongCursor()
  return position.readUIntBE(0, idBytes)
}

/** The same for the list of clients, whose positions are ids of clients. */
export function writeClientCursor(id: string): string {
  return writePosition('client', Buffer.from(id))
}

/** @throws TokenServiceError ERR_BAD_INPUT */
export function readClientCursor(text: string): string {
  const position = readPosition('client', text)
  if (position.length === 0) throw wrongCursor()
  return position.toString()
}

type ListKind = CursorKind | 'client'

/** An id is below 2^48. */
const idBytes = 6
const checksumBytes = 4

function writePosition(kind: ListKind, position: Uint8Array): string {
  return Buffer.concat([position, checksum(kind, position)]).toString('base64url')
}

function readPosition(kind: ListKind, text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  const position = bytes.subarray(0, -checksumBytes)
  if (!checksum(kind, position).equals(bytes.subarray(-checksumBytes))) throw wrongCursor()
  return position
}

function wrongCursor(): TokenServiceError {
  return badInput({ field: 'cursor', expected: 'to be a cursor that this list has given' })
}

function checksum(kind: ListKind, position: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`cursor ${kind} `), position]), 'buffer').subarray(0, checksumBytes)
}
