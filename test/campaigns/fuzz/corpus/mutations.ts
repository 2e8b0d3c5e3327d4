import { hash } from 'node:crypto'
import { elasticsearch, type FuzzInput, type FuzzRequest, form, graphql, operations, type Tokens } from '../input.ts'

/** Every way in by which a token can be presented. None of them accepts a changed one. */
const ways: readonly ((token: string) => FuzzRequest)[] = [
  (token) => graphql(operations.introspect, { token }),
  (token) => graphql(operations.invalidate, { input: { token } }),
  (refreshToken) => graphql(operations.invalidate, { input: { refreshToken } }),
  (refreshToken) => graphql(operations.refresh, { input: { refreshToken } }),
  (token) => ({ ...graphql('{ currentToken { active } }'), headers: { ...json, authorization: `Bearer ${token}` } }),
  (token) => elasticsearch('DELETE', { token }),
  (refresh_token) => elasticsearch('DELETE', { refresh_token }),
  (refresh_token) => elasticsearch('POST', { grant_type: 'refresh_token', refresh_token }),
  (token) => form('/oauth2/revoke', [['token', token]]),
  (token) => form('/oauth2/introspect', [['token', token]]),
  (token) =>
    form('/oauth2/token', [
      ['grant_type', 'refresh_token'],
      ['refresh_token', token],
    ]),
]
const json = { 'content-type': 'application/json' }

type Mutate = (token: string) => string

const flipOf = (bytes: Buffer, bit: number) => {
  const byte = bit >> 3
  bytes.writeUInt8(bytes.readUInt8(byte) ^ (1 << (bit & 7)), byte)
  return bytes
}
const bodyOf = (token: string) => Buffer.from(token.slice(4), 'base64url')
const count = (length: number) => Array.from({ length }, (_, index) => index)

/** Each bit of a token's bytes; where the expiry is (bytes 8 to 13), the caller still holds the secret. */
const bitFlips: readonly Mutate[] = count(42 * 8).map(
  (bit) => (token) => token.slice(0, 4) + flipOf(bodyOf(token), bit).toString('base64url'),
)

/** The same, with the checksum that a forger would write. Without the bits of the expiry: it is not part of the key. */
const forgeries: readonly Mutate[] = count(38 * 8)
  .filter((bit) => bit < 8 * 8 || bit >= 14 * 8)
  .map((bit) => (token) => forge(token.slice(0, 4), flipOf(bodyOf(token), bit).subarray(0, 38)))

function forge(prefix: string, body: Buffer): string {
  const checksum = hash('sha256', Buffer.concat([Buffer.from(prefix), body]), 'buffer').subarray(0, 4)
  return prefix + Buffer.concat([body, checksum]).toString('base64url')
}

const others: readonly Mutate[] = [
  ...count(60).map(
    (length): Mutate =>
      (token) =>
        token.slice(0, length),
  ),
  ...count(60).map(
    (start): Mutate =>
      (token) =>
        token.slice(start + 1),
  ),
  ...['A', '=', '==', '.', '_', '-', '+', '/', '\0', 'é'].flatMap((more): readonly Mutate[] => [
    (token) => token + more,
    (token) => more + token,
    (token) => token.slice(0, 30) + more + token.slice(30),
    (token) => token.slice(0, 30) + more + token.slice(31),
  ]),
  ...[' ', '\t', '\n', '\r\n', '\u00a0', '\u200b'].flatMap((space): readonly Mutate[] => [
    (token) => token + space,
    (token) => space + token,
    (token) => token.slice(0, 30) + space + token.slice(30),
  ]),
  (token) => token.replace(/^it[ar]_/, (prefix) => (prefix === 'ita_' ? 'itr_' : 'ita_')),
  (token) => forge(token.startsWith('ita_') ? 'itr_' : 'ita_', bodyOf(token).subarray(0, 38)),
  (token) => token.replace(/^it[ar]_/, 'its_'),
  (token) => token.toUpperCase(),
  (token) => token.toLowerCase(),
  (token) => token.slice(0, 4) + token.slice(4).split('').toReversed().join(''),
  (token) => token.slice(0, 4) + bodyOf(token).toString('hex'),
  (token) => `${token}${token}`,
  (token) => Buffer.from(token).toString('base64'),
  (token) => encodeURIComponent(token).replaceAll('_', '%5F'),
]

const secretsOf: readonly ((tokens: Tokens) => string)[] = [({ access }) => access, ({ refresh }) => refresh]

/** The changes of a live access token and of a live refresh token, each by one of the ways in, in turn. */
const changed: readonly FuzzInput[] = Object.entries({
  'token, one bit': bitFlips,
  'token, forged': forgeries,
  'token, other changes': others,
}).flatMap(([name, mutations]) =>
  mutations.flatMap((mutate, index) =>
    secretsOf.map((tokenOf, half): FuzzInput => {
      const way = ways[(index + half) % ways.length] ?? ways[0]
      return {
        class: name,
        caller: index % 2 === 0 ? 'anonymous' : 'client introspect',
        request: (tokens) => (way ?? graphql)(mutate(tokenOf(tokens))),
      }
    }),
  ),
)

/** Well-formed tokens of no session, and tokens of the wrong kind, by every way in. */
const unknown: readonly FuzzInput[] = ways.flatMap((way) =>
  (['plantedAccess', 'plantedRefresh', 'plantedSecret', 'chosenSecret'] as const).flatMap((name) =>
    (['anonymous', 'client introspect'] as const).map(
      (caller): FuzzInput => ({ class: 'token, unknown', caller, request: (tokens) => way(tokens[name]) }),
    ),
  ),
)

export const mutations: readonly FuzzInput[] = [...changed, ...unknown]
