import { expect, test } from 'vitest'
import { assertLifetimes, type Lifetimes } from '../../src/tokens/pair.ts'

const usual: Lifetimes = { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 }

test.each<[name: string, changed: Partial<Lifetimes>]>([
  ['the usual ones', {}],
  ['the shortest', { accessTokenSeconds: 1, refreshTokenSeconds: 1, refreshGraceSeconds: 0 }],
  ['the longest', { accessTokenSeconds: 3600, refreshTokenSeconds: 31_536_000, refreshGraceSeconds: 300 }],
])('lifetimes may be %s', (_name, changed) => {
  expect(() => assertLifetimes({ ...usual, ...changed })).not.toThrow()
})

test.each<[changed: Partial<Lifetimes>, message: string]>([
  [{ accessTokenSeconds: 0 }, 'Expected `accessTokenSeconds` to be a whole number from 1 to 3600, got 0.'],
  [{ accessTokenSeconds: 3601 }, 'Expected `accessTokenSeconds` to be a whole number from 1 to 3600, got 3601.'],
  [{ accessTokenSeconds: 1.5 }, 'Expected `accessTokenSeconds` to be a whole number from 1 to 3600, got 1.5.'],
  [{ accessTokenSeconds: Number.NaN }, 'Expected `accessTokenSeconds` to be a whole number from 1 to 3600, got NaN.'],
  [
    { refreshTokenSeconds: 31_536_001 },
    'Expected `refreshTokenSeconds` to be a whole number from 1 to 31536000, got 31536001.',
  ],
  [{ refreshGraceSeconds: -1 }, 'Expected `refreshGraceSeconds` to be a whole number from 0 to 300, got -1.'],
  [{ refreshGraceSeconds: 301 }, 'Expected `refreshGraceSeconds` to be a whole number from 0 to 300, got 301.'],
  [
    { accessTokenSeconds: 61, refreshTokenSeconds: 60 },
    'Expected refresh tokens to live as long as access tokens or longer, got 60 s and 61 s.',
  ],
])('lifetimes of %o are refused', (changed, message) => {
  expect(() => assertLifetimes({ ...usual, ...changed })).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIGURATION', message }),
  )
})
