import { fc, test as property } from '@fast-check/vitest'
import { describe, expect, test } from 'vitest'
import { AgingSet } from '../../src/guard/aging-set.ts'
import { OwnerBounds } from '../../src/guard/bounds.ts'
import { IdSet } from '../../src/guard/id-set.ts'
import { RecentMap } from '../../src/guard/recent-map.ts'
import {
  type BlockSection,
  decodeBlock,
  encodeBlock,
  nothingAppended,
  sectionOf,
  UnreadableBlock,
} from '../../src/tokens/block.ts'
import { covers, type Revocation } from '../../src/tokens/coverage.ts'

const id = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 2 ** 47 }))

describe('a set of ids', () => {
  property.prop([
    fc.array(fc.record({ id, isAdded: fc.boolean() }), { size: 'max', maxLength: 3_000 }),
    fc.constantFrom(4, 600, 4_096),
  ])('holds what was added and not deleted, as a list and as a bitmap', (steps, mostListed) => {
    const [set, expected] = [new IdSet(mostListed), new Set<number>()]
    for (const step of steps) {
      if (step.isAdded) set.add(step.id)
      else set.delete(step.id)
      if (step.isAdded) expected.add(step.id)
      else expected.delete(step.id)
    }

    expect(set.size).toBe(expected.size)
    expect([...set.chunks()].flat().sort((a, b) => a - b)).toEqual([...expected].sort((a, b) => a - b))
    for (const step of steps) expect(set.has(step.id)).toBe(expected.has(step.id))
    for (const step of steps) expect(set.has(step.id + 1)).toBe(expected.has(step.id + 1))
  })

  test('goes from a list to a bitmap and back, and takes no memory when it is empty', () => {
    const set = new IdSet(1_024)

    for (let added = 0; added < 60_000; added++) set.add(added * 3)
    expect(set.bytes).toBe(3 * 8_192)
    for (let added = 0; added < 60_000; added++) expect(set.has(added)).toBe(added % 3 === 0)
    for (let added = 0; added < 59_900; added++) set.delete(added * 3)
    expect(set.bytes).toBeLessThan(2_000)
    for (let added = 59_900; added < 60_000; added++) set.delete(added * 3)

    expect([set.size, set.bytes]).toEqual([0, 0])
  })
})

describe('a set that forgets', () => {
  const forgetAll = (set: AgingSet, now: number) => {
    while (set.forgetChunk(now));
  }

  test('forgets an id some time after the horizon, and never before it', () => {
    const set = new AgingSet()
    set.add([1, 2, 3], 100)

    forgetAll(set, 100 + 3_900)
    expect(set.size).toBe(3)
    forgetAll(set, 100 + 3_900 + 975)
    expect([set.size, set.bytes]).toEqual([0, 0])
  })

  test('keeps an id that was revoked again later', () => {
    const set = new AgingSet()
    set.add([1, 2], 0)
    set.add([2], 3_000)

    forgetAll(set, 4_900)

    expect([set.has(1), set.has(2)]).toEqual([false, true])
    forgetAll(set, 9_000)
    expect(set.has(2)).toBe(false)
  })

  test('takes what was revoked long ago for as old as it is', () => {
    const set = new AgingSet()
    set.add([7], 10_000 - 3_000)

    forgetAll(set, 10_000 + 2_000)

    expect(set.has(7)).toBe(false)
  })
})

const name = fc.constantFrom('a', 'b')
const owner = fc.oneof(
  fc.record({ realm: name, username: name, clientId: fc.constant(undefined) }),
  fc.record({ realm: name, username: fc.constant(undefined), clientId: fc.constant(undefined) }),
  fc.record({ realm: fc.constant(undefined), username: name, clientId: fc.constant(undefined) }),
  fc.record({ realm: fc.constant(undefined), username: fc.constant(undefined), clientId: name }),
  fc.record({ realm: fc.constant(undefined), username: fc.constant(undefined), clientId: fc.constant(undefined) }),
)
const session = fc.integer({ min: 1, max: 12 })
const sweep = fc.tuple(owner, session, fc.option(session, { nil: undefined }))

property.prop([fc.array(sweep, { maxLength: 12 })], { numRuns: 300 })(
  'bounds say of every session what the single revocations say',
  (sweeps) => {
    const bounds = new OwnerBounds()
    const revocations = sweeps.map(([names, bound, sparedSessionId]): Revocation => {
      bounds.add({ ...names, bound, sparedSessionId }, 0)
      const selector =
        names.clientId !== undefined ? 'client' : (names.realm ?? names.username) ? 'owner' : 'everything'
      const rest = {
        revision: 1,
        pairId: undefined,
        sessionId: undefined,
        at: new Date(0),
        caller: '',
        counts: undefined,
      }
      return { ...names, ...rest, bound, sparedSessionId, selector, reason: undefined, comment: undefined }
    })

    for (const realm of ['a', 'b', 'c'])
      for (const username of ['a', 'b'])
        for (const clientId of ['a', 'b'])
          for (let sessionId = 1; sessionId <= 12; sessionId++) {
            const token = {
              half: 'access',
              pairId: 1,
              session: { id: sessionId, owner: { realm, username } },
              clientId,
            } as const
            const isCovered = revocations.some((revocation) => covers(revocation, token))
            expect(bounds.covers({ sessionId, realmName: realm, username, clientId })).toBe(isCovered)
          }
  },
)

test('bounds are forgotten when their newest revocation can matter no more', () => {
  const bounds = new OwnerBounds()
  const one = { realm: 'a', username: 'b', clientId: undefined, sparedSessionId: undefined }
  bounds.add({ ...one, bound: 5 }, 100)
  bounds.add({ ...one, bound: 7 }, 200)
  for (const names of [{ realm: undefined }, { username: undefined }, { realm: undefined, username: undefined }])
    bounds.add({ ...one, ...names, bound: 5 }, 100)
  expect(bounds.size).toBe(4)

  for (let round = 0; round < 3; round++) bounds.forget(100, 10)
  expect(bounds.size).toBe(1)
  for (let round = 0; round < 3; round++) bounds.forget(200, 10)

  expect(bounds.size).toBe(0)
})

describe('a block', () => {
  const ids = fc.uniqueArray(id, { maxLength: 50 }).map((some) => some.sort((a, b) => a - b))
  const text = fc.string({ unit: 'grapheme', maxLength: 20 })
  const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined })
  const section: fc.Arbitrary<BlockSection> = fc.record({
    ageSeconds: fc.integer({ min: 1, max: 4_000 }),
    accessTokens: ids,
    sessions: ids,
    owners: fc.array(
      fc.record({
        realm: optional(text),
        username: optional(text),
        clientId: optional(text),
        bound: id,
        sparedSessionId: optional(id),
      }),
      { maxLength: 5 },
    ),
  })

  property.prop([fc.array(section, { maxLength: 4 })])('is read as it was written', (sections) => {
    expect(decodeBlock(encodeBlock(sections))).toEqual(sections)
  })

  property.prop([fc.uint8Array({ maxLength: 200 })], { numRuns: 2_000 })('of any bytes is read or refused', (bytes) => {
    try {
      decodeBlock(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(UnreadableBlock)
    }
  })

  property.prop([fc.array(section, { minLength: 1, maxLength: 3 }), fc.nat()])(
    'that is cut off gives no id it does not have',
    (sections, at) => {
      const whole = encodeBlock(sections)
      const known = new Set(sections.flatMap(({ accessTokens, sessions }) => [...accessTokens, ...sessions]))
      try {
        const read = decodeBlock(whole.subarray(0, at % whole.length))
        for (const { accessTokens, sessions } of read)
          for (const one of [...accessTokens, ...sessions]) expect(known).toContain(one)
      } catch (error) {
        expect(error).toBeInstanceOf(UnreadableBlock)
      }
    },
  )

  test.each([
    ['another format', [2]],
    ['an unknown kind of section', [1, 4, 1, 0]],
    ['unknown flags', [1, 3, 1, 16, 0]],
    ['more entries than bytes', [1, 1, 0xff, 0xff, 0xff, 0x7f]],
    ['a number that is too large', [1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['text that is no UTF-8', [1, 3, 1, 1, 1, 0xff, 0]],
    ['no bytes', []],
  ])('with %s is refused', (_, bytes) => {
    expect(() => decodeBlock(Uint8Array.from(bytes))).toThrow(UnreadableBlock)
  })

  test('says nothing of refresh tokens', () => {
    const refresh = { selector: 'refresh-token', pairId: 5, sessionId: 4 }
    const access = { selector: 'access-token', pairId: 6, sessionId: 4 }
    const base: Omit<Revocation, 'selector' | 'pairId'> = {
      revision: 9,
      sessionId: 4,
      realm: 'a',
      username: 'b',
      clientId: undefined,
      bound: undefined,
      sparedSessionId: undefined,
      at: new Date(0),
      caller: 'anonymous',
      reason: undefined,
      comment: undefined,
      counts: undefined,
    }

    expect(
      sectionOf([
        { ...base, selector: 'refresh-token', pairId: refresh.pairId },
        { ...base, selector: 'access-token', pairId: access.pairId },
      ]),
    ).toEqual({ ...nothingAppended, accessTokens: [6] })
  })
})

test('a map of what was used last keeps what is used, and never more than its most', () => {
  const map = new RecentMap<number>(10)
  map.set('used', 0)

  for (let added = 0; added < 1_000; added++) {
    map.set(`key ${added}`, added)
    expect(map.get('used')).toBe(0)
    expect(map.size).toBeLessThanOrEqual(10)
  }

  expect(map.get('key 0')).toBeUndefined()
  expect(map.get('key 999')).toBe(999)
})
