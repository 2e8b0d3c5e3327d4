import { expect, test } from 'vitest'
import { contextOfRequest, createRequestContext } from '../../src/http/request-context.ts'

const origin = { isAwaited: () => true, openSignal: () => new AbortController().signal }

test.for(['a1b2-c3', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'x'.repeat(128)])(
  'the id %s that a client sent is kept',
  (givenId) => {
    expect(createRequestContext({ ...origin, givenId }).id).toBe(givenId)
  },
)

test.for(['', 'two words', 'a\r\nset-cookie: b', 'é', '"', 'x'.repeat(129)])(
  'the id %j that a client sent is replaced by a new one',
  (givenId) => {
    expect(createRequestContext({ ...origin, givenId }).id).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
  },
)

test('a signal is opened once, and only when it is read', () => {
  let opened = 0
  const open = () => {
    opened++
    return origin.openSignal()
  }

  const context = createRequestContext({ ...origin, openSignal: open })

  expect(opened).toBe(0)
  expect(context.signal).toBe(context.signal)
  expect(opened).toBe(1)
})

test('a handler that is mounted elsewhere waits for as long as the signal of its request says', () => {
  const client = new AbortController()

  const context = contextOfRequest(new Request('http://localhost/', { signal: client.signal }))
  const before = context.isAwaited()
  client.abort()

  expect([before, context.isAwaited(), context.signal.aborted]).toEqual([true, false, true])
})
