import { describe, expect, test } from 'vitest'
import { readInstant } from '../../src/commands/arguments.ts'
import { createSchema } from '../../src/graph/schema.ts'
import { parseInstant } from '../../src/tokens/instant.ts'

test.each([
  ['2026-11-21T09:30:00Z', '2026-11-21T09:30:00.000Z'],
  ['2028-02-29t09:30:00.5+02:00', '2028-02-29T07:30:00.500Z'],
  ['2026-12-31T23:59:59-01:00', '2027-01-01T00:59:59.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['0000-02-29T00:00:00Z', '0000-02-29T00:00:00.000Z'],
  ['2026-11-21t09:30:00z', '2026-11-21T09:30:00.000Z'],
  ['2026-11-21T23:59:59+23:59', '2026-11-21T00:00:59.000Z'],
  ['2026-11-21T00:00:00-23:59', '2026-11-21T23:59:00.000Z'],
  ['2026-11-21T09:30:00-00:00', '2026-11-21T09:30:00.000Z'],
  ['2026-11-21T09:30:00.05Z', '2026-11-21T09:30:00.050Z'],
  ['2026-11-21T09:30:00.1239Z', '2026-11-21T09:30:00.123Z'],
  [`2026-11-21T09:30:00.${'9'.repeat(30)}Z`, '2026-11-21T09:30:00.999Z'],
])('%s is an instant', (text, instant) => {
  expect(parseInstant(text)?.toISOString()).toBe(instant)
})

/** The three in the RFC (§5.8), and those that the offset moves to the end of a UTC June or December. */
test.each([
  ['1990-12-31T23:59:60Z', '1991-01-01T00:00:00.000Z'],
  ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00.000Z'],
  ['2016-12-31T23:59:60.5z', '2017-01-01T00:00:00.500Z'],
  ['2015-06-30T23:59:60Z', '2015-07-01T00:00:00.000Z'],
  ['2015-07-01T05:29:60+05:30', '2015-07-01T00:00:00.000Z'],
  ['2017-01-01T08:59:60.999+09:00', '2017-01-01T00:00:00.999Z'],
])('the leap second %s is the second after it', (text, instant) => {
  expect(parseInstant(text)?.toISOString()).toBe(instant)
})

/** By the element of RFC 3339 §5.6 that is wrong. */
const noInstants = [
  ['a day that its month does not have', '2026-02-29T00:00:00Z'],
  ['a day that its month does not have', '2026-02-30T00:00:00Z'],
  ['a day that its month does not have', '2026-04-31T00:00:00Z'],
  ['29 February 1900', '1900-02-29T00:00:00Z'],
  ['day 0', '2026-01-00T00:00:00Z'],
  ['day 32', '2026-01-32T00:00:00Z'],
  ['month 13', '2026-13-01T00:00:00Z'],
  ['month 0', '2026-00-10T00:00:00Z'],
  ['a year of six digits', '+012026-11-21T09:30:00Z'],
  ['a year of two digits', '26-11-21T09:30:00Z'],
  ['hour 24', '2026-11-25T24:00:00Z'],
  ['hour 24', '2026-11-25T24:00:00.000+01:00'],
  ['hour 24', '2026-11-25t24:00:01z'],
  ['hour 25', '2026-11-21T25:00:00Z'],
  ['minute 60', '2026-11-21T23:60:00Z'],
  ['second 61', '2026-12-31T23:59:61Z'],
  ['second 60 within a day', '2026-12-31T12:00:60Z'],
  ['second 60 within an hour', '2026-12-31T23:58:60Z'],
  ['second 60 at the end of another month', '2026-11-30T23:59:60Z'],
  ['second 60 at the end of a day within a month', '2026-12-30T23:59:60Z'],
  ['second 60 at the end of a December that is not UTC’s', '2026-12-31T23:59:60+01:00'],
  ['no second', '2026-11-21T09:30Z'],
  ['no digit after the point', '2026-11-21T09:30:00.Z'],
  ['a comma before the fraction', '2026-11-21T09:30:00,5Z'],
  ['no offset', '2026-11-21T09:30:00'],
  ['no time', '2026-11-21'],
  ['an offset of 24 hours', '2026-11-21T09:30:00+24:00'],
  ['an offset with minute 60', '2026-11-21T09:30:00+23:60'],
  ['an offset without minutes', '2026-11-21T09:30:00+02'],
  ['an offset without its colon', '2026-11-21T09:30:00+0200'],
  ['an offset with a minus of typography', '2026-11-21T09:30:00−02:00'],
  ['Z and an offset', '2026-11-21T09:30:00Z+02:00'],
  ['the name of a zone', '2026-11-21T09:30:00Z[Europe/Paris]'],
  ['a space in place of the T', '2026-11-21 09:30:00Z'],
  ['white space around it', ' 2026-11-21T09:30:00Z'],
  ['a line break after it', '2026-11-21T09:30:00Z\n'],
  ['other digits than 0 to 9', '２０２６-11-21T09:30:00Z'],
  ['words', 'yesterday'],
  ['nothing', ''],
] as const

describe('is not an instant, to GraphQL and to the command line', () => {
  const scalar = createSchema().getType('DateTime')

  test.each(noInstants)('%s: %j', (_name, text) => {
    expect(parseInstant(text)).toBeUndefined()
    expect(() => scalar !== undefined && 'parseValue' in scalar && scalar.parseValue(text)).toThrow(
      'Expected a DateTime',
    )
    expect(() => readInstant(text)).toThrow('Expected an instant as RFC 3339 writes it')
  })
})
