import { fc, test as property } from '@fast-check/vitest'
import { describe, expect, test } from 'vitest'
import { mintClientSecret } from '../../src/tokens/clients.ts'
import { holdsToken, isDamagedToken, mintSalt, mintSecrets, readToken, tokenLookalike } from '../../src/tokens/token.ts'
import { damages, harmlessTexts, textsWithSecrets } from '../support/lookalikes.ts'

const key = { slot: 7, id: 281_474_976_710_655 }
const expiresAt = new Date('2026-11-21T09:20:00.123Z')
const pair = mintSecrets()
const access = pair.accessToken(key, expiresAt)
const refresh = pair.refreshToken(key, expiresAt)

test('a token states its kind, its key and its expiry, and nothing else', () => {
  const { deriveSuccessor: _, ...read } = readToken(access) ?? expect.unreachable()

  expect(access).toMatch(/^ita_[\w-]{56}$/)
  expect(refresh).toMatch(/^itr_[\w-]{56}$/)
  expect(read).toEqual({ half: 'access', ...key, expiresAt, digest: pair.accessDigest })
  expect(readToken(refresh)).toMatchObject({ half: 'refresh', ...key, expiresAt, digest: pair.refreshDigest })
})

test('no two tokens are equal', () => {
  const minted = Array.from({ length: 1000 }, mintSecrets)
  const tokens = minted.flatMap((secrets) => [
    secrets.accessToken(key, expiresAt),
    secrets.refreshToken(key, expiresAt),
  ])

  expect(new Set(tokens).size).toBe(2000)
})

test('the kind is part of the digest: one secret has two digests', () => {
  const salt = mintSalt()
  const derived = readToken(refresh)?.deriveSuccessor(salt)
  const again = readToken(refresh)?.deriveSuccessor(salt)

  expect(derived?.accessDigest).toEqual(again?.accessDigest)
  expect(derived?.accessDigest).not.toEqual(derived?.refreshDigest)
  // With the other prefix the checksum is wrong; with a correct checksum the digest would differ.
  expect(readToken(access.replace('ita_', 'itr_'))).toBeUndefined()
})

test('one refresh token derives other tokens with another salt', () => {
  const token = readToken(refresh)

  expect(token?.deriveSuccessor(mintSalt()).accessDigest).not.toEqual(token?.deriveSuccessor(mintSalt()).accessDigest)
})

test('each change of a single character is detected', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  for (const token of [access, refresh])
    for (let index = 0; index < token.length; index++)
      for (const letter of alphabet) {
        if (letter === token[index]) continue
        expect(readToken(token.slice(0, index) + letter + token.slice(index + 1))).toBeUndefined()
      }
})

property.prop([fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^it[ar]_[\w-]{56}$/))])(
  'garbage is read as undefined, and never throws',
  (text) => {
    expect(readToken(text)).toBeUndefined()
  },
)

test.each([
  '',
  'ita_',
  `${access} `,
  ` ${access}`,
  `${access}=`,
  `${access}\n`,
  access.toUpperCase(),
  access.slice(4),
  access + access,
])('%j is not a token', (text) => {
  expect(readToken(text)).toBeUndefined()
})

describe('a token that is damaged', () => {
  test.each(damages)('has %s', (_name, damage) => {
    for (const token of [access, refresh])
      expect([readToken(damage(token)), isDamagedToken(damage(token))]).toEqual([undefined, true])
  })

  test.each([
    ['a token', access],
    ['a token with a letter changed', access.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
    ['a token that is cut off', access.slice(0, -1)],
    ['a token that is cut off, in quotes', `"${access.slice(0, -1)}"`],
    ['a token with a letter after it', `${access}x`],
    ['a token with a letter before it', `x${access}`],
    // Where one ends with `-` or `_`, the next begins after no letter, and is found.
    ['two tokens in one word', access.replace(/.$/, 'x') + access],
    ['a token in other letters', access.toUpperCase()],
    ['a token without its prefix', access.slice(4)],
    ['a client’s secret', ` ${mintClientSecret()}`],
    ['a JWT', ' eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.'],
    ['a prefix', ' ita_ '],
    ['nothing', ''],
    ['white space', ' \n'],
    ['half an escape', '%'],
  ])('is not meant by %s', (_name, text) => {
    expect(isDamagedToken(text)).toBe(false)
  })

  test('is found in a time that grows with the text, and not faster', () => {
    const parts = ['ita_', ' ', '\\', '\\n', 'ita_\\n', 'ita_ ', `ita_${' '.repeat(20)}`, '=\n', '%20', 'a ', 'bearer ']

    const before = performance.now()
    for (const part of parts) isDamagedToken(`ita_${part.repeat(20_000)}`)

    expect(performance.now() - before).toBeLessThan(1000)
  })
})

describe('text that is kept', () => {
  test.each(textsWithSecrets)('holds a token: %s', (_name, text) => {
    expect(holdsToken(text)).toBe(true)
  })

  test.each(harmlessTexts)('holds no token: %j', (text) => {
    expect(holdsToken(text)).toBe(false)
  })
})

/** What other programs may make of a message with a token in it. */
const inMessages: readonly (readonly [name: string, write: (token: string) => string])[] = [
  ['as it is', (token) => `at ${token}: failed`],
  ['cut off', (token) => `at ${token.slice(0, 20)}… failed`],
  ['within a word', (token) => `x${token}x`],
  ['after a line break in JSON', (token) => JSON.stringify(`a\n${token}`)],
  ['after a line break in JSON in JSON', (token) => JSON.stringify(JSON.stringify(`a\n${token}`))],
  ['torn by a line break', (token) => `${token.slice(0, 30)}\n${token.slice(30)}`],
  ['torn by a line break of Windows', (token) => `${token.slice(0, 30)}\r\n  ${token.slice(30)}`],
  ['torn right after the prefix', (token) => `${token.slice(0, 4)}\n${token.slice(4)}`],
  ['torn into three', (token) => `${token.slice(0, 10)}\n${token.slice(10, 30)}\n${token.slice(30)}`],
  ['torn by a space', (token) => `${token.slice(0, 30)} ${token.slice(30)}`],
  ['torn by a backslash, as in a shell', (token) => `${token.slice(0, 30)}\\\n${token.slice(30)}`],
  ['torn by a line break, in JSON', (token) => JSON.stringify(`${token.slice(0, 30)}\r\n${token.slice(30)}`)],
  [
    'torn by a line break, in JSON in JSON',
    (token) => JSON.stringify(JSON.stringify(`${token.slice(0, 30)}\n${token.slice(30)}`)),
  ],
]

describe('in text that is shown, nothing of a token remains that is', () => {
  test.each(inMessages)('%s', (_name, write) => {
    for (const token of [access, refresh, mintClientSecret()]) {
      const shown = write(token).replace(tokenLookalike, '[token]')

      for (let start = 4; start + 8 <= token.length; start++)
        expect(shown, token).not.toContain(token.slice(start, start + 8))
      expect(shown).toContain('[token]')
    }
  })

  test('removed in a time that grows with the text, and not faster', () => {
    const parts = [
      'ita_',
      'ita_\\n',
      'ita_a ',
      'ita_\\\\',
      `ita_${' '.repeat(20)}`,
      `${'a'.repeat(15)} `,
      '\\n',
      '\\',
      ' ',
    ]

    const before = performance.now()
    for (const part of parts) `ita_${part.repeat(20_000)}`.replace(tokenLookalike, '[token]')

    expect(performance.now() - before).toBeLessThan(1000)
  })
})
