import { fc, test as property } from '@fast-check/vitest'
import { expect, test } from 'vitest'
import { readSubject, subjectOf } from '../../src/tokens/owner.ts'

const name = fc.string({ minLength: 1, unit: fc.constantFrom('a', '/', '%', '2', 'F', '5') })

property.prop([fc.record({ realm: name, username: name })])('an owner can be read from its subject', (owner) => {
  expect(readSubject(subjectOf(owner))).toEqual(owner)
})

property.prop([name])('a text that is not the subject of any owner is not read as one', (text) => {
  const owner = readSubject(text)

  expect(owner === undefined || subjectOf(owner) === text).toBe(true)
})

test('a subject is the realm and the username with a slash between, and slashes in the realm are escaped', () => {
  expect(subjectOf({ realm: 'https://idp.example/a', username: 'b/c' })).toBe('https:%2F%2Fidp.example%2Fa/b/c')
  expect(['alice', '/alice', 'a%2/b', ''].map(readSubject)).toEqual([undefined, undefined, undefined, undefined])
})
