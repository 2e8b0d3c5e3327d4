import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { dropEvents, type ServiceEvent } from '../../src/events/events.ts'
import { createNotifier } from '../../src/storage/engine/notifications.ts'

test('a teller that finishes has sent what was asked for, also what came while it was sending', async () => {
  let sent = 0
  const { notify, finish } = createNotifier(async () => {
    await sleep(5)
    sent++
  }, dropEvents)

  await finish()
  expect(sent).toBe(0)

  notify()
  await finish()
  expect(sent).toBe(1)

  // Within the rest of the first.
  for (let asked = 0; asked < 5; asked++) notify()
  await finish()
  expect(sent).toBe(2)

  // And nothing is sent again once the rest is over.
  await sleep(50)
  expect(sent).toBe(2)
})

test('a notifier whose hint can not be sent finishes all the same, and reports it', async () => {
  const events: ServiceEvent[] = []
  const { notify, finish } = createNotifier(
    () => Promise.reject(new Error('gone')),
    (event) => events.push(event),
  )

  notify()

  await expect(finish()).resolves.toBeUndefined()
  expect(events).toEqual([{ name: 'notification_not_sent', error: new Error('gone') }])
})
