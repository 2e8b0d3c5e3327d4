import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { dropEvents, type ServiceEvent } from '../../src/events/events.ts'
import { createNotifier } from '../../src/storage/engine/notifications.ts'
import { nothingAppended } from '../../src/tokens/block.ts'

test('a notifier that finishes has sent what was requested before, also while it was sending', async () => {
  let sent = 0
  const { notify, finish } = createNotifier(async () => {
    await sleep(5)
    sent++
  }, dropEvents)

  await finish()
  expect(sent).toBe(0)

  notify(nothingAppended)
  await finish()
  expect(sent).toBe(1)

  // Within the pause after the first.
  for (let requested = 0; requested < 5; requested++) notify(nothingAppended)
  await finish()
  expect(sent).toBe(2)

  // Nothing is sent again after the pause.
  await sleep(50)
  expect(sent).toBe(2)
})

test('what is appended while a notification is sent takes a bounded memory, and the next notification comes', async () => {
  const sent: number[] = []
  let finishFirst = () => {}
  const { notify, finish } = createNotifier((appended) => {
    sent.push(appended.length)
    return new Promise<void>((resolve) => {
      finishFirst = resolve
      if (sent.length > 1) resolve()
    })
  }, dropEvents)
  notify(nothingAppended)

  for (let appended = 0; appended < 50_000; appended++) notify(nothingAppended)
  finishFirst()
  await finish()

  expect(sent).toEqual([1, 4_000])
})

test('a notifier finishes even if it cannot send, and reports that', async () => {
  const events: ServiceEvent[] = []
  const { notify, finish } = createNotifier(
    () => Promise.reject(new Error('gone')),
    (event) => events.push(event),
  )

  notify(nothingAppended)

  await expect(finish()).resolves.toBeUndefined()
  expect(events).toEqual([{ name: 'notification_not_sent', error: new Error('gone') }])
})
