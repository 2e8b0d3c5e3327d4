import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createTeller } from '../../src/storage/engine/notifications.ts'

test('a teller that finishes has sent what was asked for, also what came while it was sending', async () => {
  let sent = 0
  const { tell, finish } = createTeller(async () => {
    await sleep(5)
    sent++
  })

  await finish()
  expect(sent).toBe(0)

  tell()
  await finish()
  expect(sent).toBe(1)

  // Within the rest of the first.
  for (let asked = 0; asked < 5; asked++) tell()
  await finish()
  expect(sent).toBe(2)

  // And nothing is sent again once the rest is over.
  await sleep(50)
  expect(sent).toBe(2)
})

test('a teller whose hint is not taken finishes all the same', async () => {
  const { tell, finish } = createTeller(() => Promise.reject(new Error('gone')))

  tell()

  await expect(finish()).resolves.toBeUndefined()
})
