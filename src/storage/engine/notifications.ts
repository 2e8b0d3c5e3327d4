import type { EmitEvent } from '../../events/events.ts'
import { evidence } from './errors.ts'

/**
 * Notifies followers that the log may have grown. A notification is only a hint: no writer waits for it, a lost one
 * delays followers but loses no revocation, and followers read the new rows from the log.
 */
export interface Notifications {
  /** Call it after a commit that appended to the log. Returns at once. */
  notify(): void
  /** Calls `onChange` at each notification, and from time to time without one. Returns the function that stops it. */
  listen(onChange: () => void): () => void
}

/** Within one process: the embedded engine has no other. */
export function createLocalNotifications(): Notifications {
  const listeners = new Set<{ readonly onChange: () => void }>()
  return {
    notify: () => {
      for (const { onChange } of listeners) onChange()
    },
    listen: (onChange) => {
      const listener = { onChange }
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

/** At most 50 hints a second go to other processes: a hint for each commit would give them no more information. */
const minIntervalMs = 20

export interface Notifier {
  notify(): void
  /** Resolves when every hint is sent. It sends the last one without waiting for the interval to pass. */
  finish(): Promise<void>
}

/**
 * Sends hints one at a time; one hint serves all calls of `notify` since the last one was sent. The first is sent at
 * once. A hint that could not be sent is not sent again, because followers read the log every few seconds without one.
 */
export function createNotifier(send: () => Promise<unknown>, emit: EmitEvent): Notifier {
  let isSending = false
  let isRequested = false
  let sending: Promise<unknown> = Promise.resolve()
  return { notify, finish }

  function notify(): void {
    isRequested = true
    if (!isSending) void sendAll()
  }

  async function sendAll(): Promise<void> {
    isSending = true
    while (isRequested) {
      await sendOnce()
      await new Promise((resolve) => setTimeout(resolve, minIntervalMs).unref())
    }
    isSending = false
  }

  function sendOnce(): Promise<unknown> {
    isRequested = false
    sending = send().catch((error: unknown) => emit({ name: 'notification_not_sent', error: evidence(error) }))
    return sending
  }

  async function finish(): Promise<void> {
    await sending
    if (isRequested) await sendOnce()
  }
}
