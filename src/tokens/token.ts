import { hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * What a token is. The only file that knows how one is made, read and derived.
 *
 *     ita_AQUAAAAAAAkAAZqv…          access token: "ita_", then 42 bytes in base64url (56 characters)
 *     itr_AQUAAAAAAAkAAZqv…          refresh token: "itr_", the same
 *
 *     bytes   0        1      2–7       8–13            14–37        38–41
 *             format   slot   pair id   expires at ms   secret       checksum
 *
 * The secret is 24 random bytes (192 bits). The slot and the id say where the pair's row is; the expiry lets a guard
 * forget a token in time without asking anybody. The checksum (the first 4 bytes of a SHA-256 over prefix and bytes)
 * refuses garbage before any query, and keeps secret scanners from false alarms.
 *
 * We keep the digest only: the first 16 bytes of a SHA-256 over the kind and the secret. Because the kind is hashed
 * along, an access token can never be found as a refresh token. Because the id is not, a row can be numbered by the
 * statement that inserts it; an id that was tampered with leads to another row, whose digest does not match.
 */

export type Half = 'access' | 'refresh'

/** Where a pair's row is: its slot of the retention ring and its id (the revision of its issue). */
export interface PairKey {
  readonly slot: number
  readonly id: number
}

/** One half, named without its secret: safe to keep, compare and log. */
export interface HalfReference extends PairKey {
  readonly half: Half
  readonly expiresAt: Date
  /** 16 bytes. */
  readonly digest: Uint8Array
}

/** A token as somebody presented it. */
export interface PresentedToken extends HalfReference {
  /**
   * The pair that this refresh token buys, derived from its secret and the salt stored when it was spent (HKDF,
   * RFC 5869). Neither is enough alone: whoever reads the database has no token, and whoever stole an old refresh
   * token cannot walk on to the pairs after it.
   */
  deriveSuccessor(salt: Uint8Array): PairSecrets
}

/** The secrets of a pair before it has an id: their digests, and the way to hand the tokens out once. */
export interface PairSecrets {
  readonly accessDigest: Uint8Array
  readonly refreshDigest: Uint8Array
  accessToken(key: PairKey, expiresAt: Date): string
  refreshToken(key: PairKey, expiresAt: Date): string
}

const format = 1
const secretBytes = 24
const checksumBytes = 4
/** 128 bits: to find a token for a digest takes 2^128 tries. More would cost a pair 16 bytes and prove nothing further. */
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
 * Reads a token that a stranger sent. Answers undefined for anything that we did not make: wrong length, alphabet,
 * prefix, format or checksum.
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

/** In a time that does not depend on where they differ. */
export function isSameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return timingSafeEqual(one, other)
}

/**
 * Any text that looks like one of our tokens, or a client's secret, whole or torn: for scrubbing what strangers' errors
 * repeat. It may begin within a word: in a JSON line, a token after a line break stands behind the n of `\n`.
 */
export const tokenLookalike = /it[ars]_[\w-]{8,}/g

/**
 * Whether a text has a token or a client's secret in it, whole or most of it: where a name must pass (`digita_services`
 * and `audits_…` are some, whose prefix stands within a word), and the harm is in being read. Of what has fewer
 * characters than these, 70 bits or more are left to guess.
 */
export function holdsToken(text: string): boolean {
  return tokenWord.test(text)
}

const tokenWord = /(?<![A-Za-z0-9])it[ars]_[\w-]{32}/

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

/** `hash` in one call costs half of a `createHash` object, and this runs twice for every token presented. */
function sha256(half: Half, bytes: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([prefixBytes[half], bytes]), 'buffer')
}

function derive(secret: Uint8Array, salt: Uint8Array, half: Half): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, `invalidate-token successor ${half}`, secretBytes))
}
