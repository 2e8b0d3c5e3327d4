import { expect, test } from 'vitest'
import { parseInstant } from '../../src/tokens/instant.ts'

test.each([
  ['2026-11-21T09:30:00Z', '2026-11-21T09:30:00.000Z'],
  ['2028-02-29t09:30:00.5+02:00', '2028-02-29T07:30:00.500Z'],
  ['2026-12-31T23:59:59-01:00', '2027-01-01T00:59:59.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
])('%s is an instant', (text, instant) => {
  expect(parseInstant(text)?.toISOString()).toBe(instant)
})

test.each([
  '2026-02-29T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-10T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-11-21T25:00:00Z',
  '2026-11-21T09:30:00',
  '2026-11-21',
  '',
])('%s is not an instant', (text) => {
  expect(parseInstant(text)).toBeUndefined()
})
