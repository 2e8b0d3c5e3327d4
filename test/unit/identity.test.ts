import { describe, expect, test } from 'vitest'
import { type IdentityFacts, judgeIdentity } from '../../src/storage/engine/identity.ts'
import { beyondAllGivenOut } from '../../src/storage/restore-store.ts'

const place = { systemIdentifier: '7000000000000000001', databaseOid: 16_385, timeline: 3 }
const facts = ({
  place: there,
  ...row
}: Partial<IdentityFacts['place']> & {
  readonly place?: Partial<IdentityFacts['place']>
  readonly writtenBy?: string
  readonly xmin?: string
} = {}): IdentityFacts => ({
  place: { ...place, ...there },
  row: { ...place, writtenBy: '812', xmin: '812', ...row },
})

describe('the identity row of a database', () => {
  test('that was never written says nothing', () => {
    expect(judgeIdentity({ place, row: undefined })).toEqual({ kind: 'unwritten' })
  })

  test('that fits says that nothing was restored', () => {
    expect(judgeIdentity(facts())).toEqual({ kind: 'same' })
  })

  test('still fits after four billion transactions, of which PostgreSQL records the low 32 bits', () => {
    expect(judgeIdentity(facts({ writtenBy: String(2n ** 32n + 812n), xmin: '812' }))).toEqual({ kind: 'same' })
  })

  test.each([
    [
      'another server',
      { place: { systemIdentifier: '7000000000000000002' } },
      'last used on another PostgreSQL server',
    ],
    ['another database', { place: { databaseOid: 16_386 } }, 'last used as another database of this PostgreSQL server'],
    ['another transaction', { xmin: '813' }, 'written by a restore and not by this service'],
    [
      'another server and timeline',
      { place: { systemIdentifier: '1', timeline: 1 } },
      'last used on another PostgreSQL server',
    ],
  ])('with %s shows a restore or a copy', (_, given, noticed) => {
    expect(judgeIdentity(facts(given))).toEqual({ kind: 'restored', noticed })
  })

  test('with another timeline and nothing else shows a failover', () => {
    expect(judgeIdentity(facts({ place: { timeline: 4 } }))).toEqual({ kind: 'timeline-changed', from: 3, to: 4 })
  })
})

describe('a restore moves the sequence', () => {
  const second = Date.parse('2026-11-21T09:00:00Z') / 1000

  test('beyond all that another restore of the same backup has given out, at up to 100,000 a second', () => {
    const first = beyondAllGivenOut(5_000, second)
    const givenOut = first + 3600 * 100_000

    expect(beyondAllGivenOut(5_000, second + 3600)).toBeGreaterThanOrEqual(givenOut)
  })

  test('also a sequence that is higher than any should be', () => {
    expect(beyondAllGivenOut(2 ** 46, second)).toBe(2 ** 46 + 2 ** 32)
  })

  test('and leaves numbers for decades', () => {
    expect(beyondAllGivenOut(5_000, Date.parse('2100-01-01T00:00:00Z') / 1000)).toBeLessThan(2 ** 48)
  })
})
