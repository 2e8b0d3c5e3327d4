import { fc, test as property } from '@fast-check/vitest'
import { expect, test } from 'vitest'
import { holdsToken, mintSalt, mintSecrets, readToken } from '../../src/tokens/token.ts'

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

test('a text that contains a token differs from a name that has the prefix within a word', () => {
  const secret = `its_${'A'.repeat(43)}`

  for (const text of [access, refresh, secret, `x ${access}`, `"${access}"`, `token=${refresh}`, access.slice(0, -20)])
    expect([text, holdsToken(text)]).toEqual([text, true])
  for (const text of [
    'audits_department_of_foreign_affairs_and_trade',
    'https://login.example.com/realms/benefits_administration_of_the_state_of_x',
    'digita_services',
    access.slice(0, 20),
  ])
    expect([text, holdsToken(text)]).toEqual([text, false])
})
