import { hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * The format of a token. Only this file knows how a token is made, read and derived.
 *
 *     ita_AQUAAAAAAAkAAZqv…          access token: "ita_", then 42 bytes in base64url (56 characters)
 *     itr_AQUAAAAAAAkAAZqv…          refresh token: "itr_", the same
 *
 *     bytes   0        1      2–7       8–13            14–37        38–41
 *             format   slot   pair id   expires at ms   secret       checksum
 *
 * The secret is 24 random bytes (192 bits). The slot and the id say where the pair's row is. The expiry lets a guard
 * forget a token in time without a request. The checksum (the first 4 bytes of a SHA-256 over prefix and bytes) lets us
 * refuse text that is not a token before any query, and spares secret scanners false alarms.
 *
 * The database keeps only the digest: the first 16 bytes of a SHA-256 over the prefix and the secret. Because the hash
 * includes the prefix, an access token can never be found as a refresh token. Because the hash does not include the id,
 * the statement that inserts a row can also assign its id. A token with a changed id leads to another row, whose digest
 * does not match.
 */

/** One token of a pair, by its kind. */
export type Half = 'access' | 'refresh'

/** Where a pair's row is: its slot of the retention ring, and its id (the revision at which it was issued). */
export interface PairKey {
  readonly slot: number
  readonly id: number
}

/** A reference to one half without its secret: safe to keep, compare and log. */
export interface HalfReference extends PairKey {
  readonly half: Half
  readonly expiresAt: Date
  /** 16 bytes. */
  readonly digest: Uint8Array
}

/** A token that a caller presented, in parsed form. */
export interface PresentedToken extends HalfReference {
  /**
   * The secrets of the successor pair, derived from this refresh token's secret and the salt that is stored when it is
   * spent (HKDF, RFC 5869). Neither is enough alone: a reader of the database cannot compute any token, and a thief of
   * an old refresh token cannot compute the pairs that came after it.
   */
  deriveSuccessor(salt: Uint8Array): PairSecrets
}

/**
 * The secrets of a pair that may not have an id yet: their digests, and functions that build the tokens once it has
 * one.
 */
export interface PairSecrets {
  readonly accessDigest: Uint8Array
  readonly refreshDigest: Uint8Array
  accessToken(key: PairKey, expiresAt: Date): string
  refreshToken(key: PairKey, expiresAt: Date): string
}

const format = 1
const secretBytes = 24
const checksumBytes = 4
/**
 * 128 bits: finding a token for a digest takes 2^128 tries. A longer digest would cost a pair 16 bytes or more without
 * a benefit.
 */
const digestBytes = 16
const bodyBytes = 42
const prefixes = { access: 'ita_', refresh: 'itr_' } as const satisfies Record<Half, string>
const prefixBytes = { access: Buffer.from(prefixes.access), refresh: Buffer.from(prefixes.refresh) }
const shape = /^it[ar]_[\w-]{56}$/

/** New random secrets for both halves. */
export function mintSecrets(): PairSecrets {
  return pairSecrets(randomBytes(secretBytes), randomBytes(secretBytes))
}

/** A salt for one spending of a refresh token: 16 random bytes. */
export function mintSalt(): Uint8Array {
  return randomBytes(16)
}

/**
 * Reads a token from untrusted input. Answers undefined for text that this service did not make: wrong length,
 * alphabet, prefix, format or checksum.
 */
export function readToken(text: string): PresentedToken | undefined {
  if (!shape.test(text)) return undefined
  const half = text.startsWith(prefixes.access) ? 'access' : 'refresh'
  const body = Buffer.from(text.slice(4), 'base64url')
  const checked = bodyBytes - checksumBytes
  if (body[0] !== format || !checksum(half, body.subarray(0, checked)).equals(body.subarray(checked))) return undefined
  const secret = body.subarray(14, 14 + secretBytes)
  return {
    half,
    slot: body.readUInt8(1),
    id: body.readUIntBE(2, 6),
    expiresAt: new Date(body.readUIntBE(8, 6)),
    digest: digest(half, secret),
    deriveSuccessor: (salt) => pairSecrets(derive(secret, salt, 'access'), derive(secret, salt, 'refresh')),
  }
}

/**
 * Whether a text holds a whole token, but is not one as it stands: `Bearer ita_…`, a token in quotes or percent-encoded,
 * or one that a line break or an invisible character is in. A caller that wants to end such a token must not read that
 * it is ended. Text that only has the wrong checksum or length is not meant: it holds no token.
 */
export function isDamagedToken(text: string): boolean {
  return !shape.test(text) && damagedToken.test(decodePercent(text))
}

/** White space, control and invisible characters, and a line break as JSON, a shell or quoted-printable writes it. */
const insertion = /[\s\p{Cc}\p{Cf}]|\\(?:[nrt]|(?![nrt]))|=(?=\r?\n)/u.source
const damagedToken = new RegExp(`(?<=^|[^A-Za-z0-9]|\\\\[nrt])it[ar]_(?:(?:${insertion})*[\\w-]){56}(?![\\w-])`, 'u')

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Compares in a time that does not depend on where the digests differ. */
export function isSameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return timingSafeEqual(one, other)
}

/**
 * Matches text that looks like one of our tokens or a client secret: complete, cut off, or torn by a line break or
 * another space. It removes tokens from text that is shown: log lines, and error messages of other software.
 *
 * It may match too much. A match may begin within a word: in a line of JSON, a token after a line break follows the n of
 * `\n`. After a tear, 16 characters or more are taken for the rest of the token. Of the secret, more than 100 bits
 * are not in a shorter rest.
 */
export const tokenLookalike = /it[ars]_(?:[\w-]{8,}|[\w-]*(?:\s|\\[nrt]?)+[\w-]{16,})(?:(?:\s|\\[nrt]?)+[\w-]{16,})*/g

/**
 * Whether a text contains a token or a client secret, complete or most of it. It decides which input is refused because
 * it would be stored or shown, so it must not match a name: a caller that did nothing wrong would get an error. A name
 * may contain a prefix within a word (`digita_services`, `audits_…`), so a match must begin at the start of a word. From
 * fewer characters than the expression requires, 70 bits or more of the secret remain to guess.
 */
export function holdsToken(text: string): boolean {
  return wordWithToken.test(text)
}

/**
 * Replaces each token and client secret in a text by `[token]`. A match is as in `holdsToken`, except that a token may
 * also be torn by white space.
 */
export function maskTokens(text: string): string {
  return text.replaceAll(wordsFromPrefix, (words) => (holdsToken(words.replaceAll(/\s+/g, '')) ? '[token]' : words))
}

const wordsFromPrefix = /(?<![A-Za-z0-9])it[ars]_[\w-]*(?:\s+[\w-]{16,})*/g
const wordWithToken = /(?<![A-Za-z0-9])it[ars]_[\w-]{32}/

function pairSecrets(access: Uint8Array, refresh: Uint8Array): PairSecrets {
  return {
    accessDigest: digest('access', access),
    refreshDigest: digest('refresh', refresh),
    accessToken: (key, expiresAt) => write('access', key, expiresAt, access),
    refreshToken: (key, expiresAt) => write('refresh', key, expiresAt, refresh),
  }
}

function write(half: Half, key: PairKey, expiresAt: Date, secret: Uint8Array): string {
  const body = Buffer.alloc(bodyBytes)
  body.writeUInt8(format, 0)
  body.writeUInt8(key.slot, 1)
  body.writeUIntBE(key.id, 2, 6)
  body.writeUIntBE(expiresAt.getTime(), 8, 6)
  body.set(secret, 14)
  body.set(checksum(half, body.subarray(0, bodyBytes - checksumBytes)), bodyBytes - checksumBytes)
  return prefixes[half] + body.toString('base64url')
}

function digest(half: Half, secret: Uint8Array): Uint8Array {
  return sha256(half, secret).subarray(0, digestBytes)
}

function checksum(half: Half, body: Uint8Array): Buffer {
  return sha256(half, body).subarray(0, checksumBytes)
}

/** One call of `hash` costs half as much as a `createHash` object, and this runs twice for every token presented. */
function sha256(half: Half, bytes: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([prefixBytes[half], bytes]), 'buffer')
}

function derive(secret: Uint8Array, salt: Uint8Array, half: Half): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, `invalidate-token successor ${half}`, secretBytes))
}
