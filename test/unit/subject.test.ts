import { fc, test as property } from '@fast-check/vitest'
import { expect, test } from 'vitest'
import { readSubject, subjectOf } from '../../src/tokens/owner.ts'

const name = fc.string({ minLength: 1, unit: fc.constantFrom('a', '/', '%', '2', 'F', '5') })

property.prop([fc.record({ realm: name, username: name })])('a subject says its owner', (owner) => {
  expect(readSubject(subjectOf(owner))).toEqual(owner)
})

property.prop([name])('what no owner’s subject could be is none', (text) => {
  const owner = readSubject(text)

  expect(owner === undefined || subjectOf(owner) === text).toBe(true)
})

test('a subject is its realm and its username, with the realm’s own slashes written otherwise', () => {
  expect(subjectOf({ realm: 'https://idp.example/a', username: 'b/c' })).toBe('https:%2F%2Fidp.example%2Fa/b/c')
  expect(['alice', '/alice', 'a%2/b', ''].map(readSubject)).toEqual([undefined, undefined, undefined, undefined])
})
