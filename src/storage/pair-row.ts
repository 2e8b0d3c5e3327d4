import type { StoredPair } from '../tokens/store.ts'
import {
  booleanAt,
  bytesAt,
  instantAt,
  isNullAt,
  type JsonColumns,
  type JsonRow,
  numberAt,
  textAt,
} from './json-row.ts'
import { tokenPairStates as state } from './schema.ts'

/** Adds the columns of a pair to those that a statement selects from the view, and answers how to read a pair. */
export function addPairColumns(columns: JsonColumns): (row: JsonRow) => StoredPair {
  const places = placesIn(columns)
  return (row) => readPair(row, places)
}

/** What a pair is made of; the rest of the view is about its session. */
function placesIn({ number, text, boolean, instant, bytes }: JsonColumns) {
  return {
    slot: number(state.slot),
    id: number(state.id),
    sessionId: number(state.sessionId),
    realm: text(state.realm),
    username: text(state.username),
    clientId: text(state.clientId),
    scopes: text(state.scopes),
    issuedAt: instant(state.issuedAt),
    accessDigest: bytes(state.accessDigest),
    accessExpiresAt: instant(state.accessExpiresAt),
    accessInvalidated: boolean(state.accessInvalidated),
    accessEnded: boolean(state.accessEnded),
    /** Null if the pair has no refresh token. */
    refreshDigest: bytes(state.refreshDigest),
    expiresAt: instant(state.expiresAt),
    refreshInvalidated: boolean(state.refreshInvalidated),
    refreshEnded: boolean(state.refreshEnded),
    /** This and the next three are null until the refresh token is spent. */
    successorSlot: number(state.successorSlot),
    successorId: number(state.successorId),
    salt: bytes(state.salt),
    spentAt: instant(state.spentAt),
  }
}

function readPair(row: JsonRow, at: ReturnType<typeof placesIn>): StoredPair {
  const scopes = textAt(row, at.scopes)
  return {
    slot: numberAt(row, at.slot),
    id: numberAt(row, at.id),
    sessionId: numberAt(row, at.sessionId),
    owner: { realm: textAt(row, at.realm), username: textAt(row, at.username) },
    clientId: textAt(row, at.clientId),
    scopes: scopes === '' ? [] : scopes.split(' '),
    issuedAt: instantAt(row, at.issuedAt),
    access: {
      digest: bytesAt(row, at.accessDigest),
      expiresAt: instantAt(row, at.accessExpiresAt),
      isInvalidated: booleanAt(row, at.accessInvalidated),
      isEnded: booleanAt(row, at.accessEnded),
    },
    refresh: isNullAt(row, at.refreshDigest)
      ? undefined
      : {
          digest: bytesAt(row, at.refreshDigest),
          expiresAt: instantAt(row, at.expiresAt),
          isInvalidated: booleanAt(row, at.refreshInvalidated),
          isEnded: booleanAt(row, at.refreshEnded),
        },
    spent: isNullAt(row, at.successorId)
      ? undefined
      : {
          successor: { slot: numberAt(row, at.successorSlot), id: numberAt(row, at.successorId) },
          salt: bytesAt(row, at.salt),
          at: instantAt(row, at.spentAt),
        },
  }
}
