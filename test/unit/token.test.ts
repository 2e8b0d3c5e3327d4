import { fc, test as property } from '@fast-check/vitest'
import { expect, test } from 'vitest'
import { holdsToken, mintSalt, mintSecrets, readToken } from '../../src/tokens/token.ts'

const key = { slot: 7, id: 281_474_976_710_655 }
const expiresAt = new Date('2026-11-21T09:20:00.123Z')
const pair = mintSecrets()
const access = pair.accessToken(key, expiresAt)
const refresh = pair.refreshToken(key, expiresAt)

test('a token says its kind, its place and its expiry, and that is all', () => {
  const { deriveSuccessor: _, ...read } = readToken(access) ?? expect.unreachable()

  expect(access).toMatch(/^ita_[\w-]{56}$/)
  expect(refresh).toMatch(/^itr_[\w-]{56}$/)
  expect(read).toEqual({ half: 'access', ...key, expiresAt, digest: pair.accessDigest })
  expect(readToken(refresh)).toMatchObject({ half: 'refresh', ...key, expiresAt, digest: pair.refreshDigest })
})

test('no two tokens are alike', () => {
  const minted = Array.from({ length: 1000 }, mintSecrets)
  const tokens = minted.flatMap((secrets) => [
    secrets.accessToken(key, expiresAt),
    secrets.refreshToken(key, expiresAt),
  ])

  expect(new Set(tokens).size).toBe(2000)
})

test('the kind is part of the digest: one secret in both prefixes has two', () => {
  const salt = mintSalt()
  const derived = readToken(refresh)?.deriveSuccessor(salt)
  const again = readToken(refresh)?.deriveSuccessor(salt)

  expect(derived?.accessDigest).toEqual(again?.accessDigest)
  expect(derived?.accessDigest).not.toEqual(derived?.refreshDigest)
  // With the other prefix the checksum is wrong; with a right checksum the digest would be another.
  expect(readToken(access.replace('ita_', 'itr_'))).toBeUndefined()
})

test('the same refresh token and another salt derive other tokens', () => {
  const token = readToken(refresh)

  expect(token?.deriveSuccessor(mintSalt()).accessDigest).not.toEqual(token?.deriveSuccessor(mintSalt()).accessDigest)
})

test('every single changed character is noticed', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  for (const token of [access, refresh])
    for (let place = 0; place < token.length; place++)
      for (const letter of alphabet) {
        if (letter === token[place]) continue
        expect(readToken(token.slice(0, place) + letter + token.slice(place + 1))).toBeUndefined()
      }
})

property.prop([fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^it[ar]_[\w-]{56}$/))])(
  'garbage is undefined and never throws',
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
])('not a token: %j', (text) => {
  expect(readToken(text)).toBeUndefined()
})

test('what holds a token is told from names in which its prefix stands within a word', () => {
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
