/**
 * That the log may have something new, told to whoever follows it. Only a hint: nobody waits for it, its loss delays and
 * loses nothing, and what is new is read from the log.
 */
export interface Notifications {
  /** After a commit that appended to the log. Returns at once. */
  notify(): void
  /** Calls `onChange` at each announcement, and now and then without one. Answers the function that ends it. */
  listen(onChange: () => void): () => void
}

/** Within one process, which is all there is on the embedded engine. */
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

/** Under load other processes are told 50 times a second at most: a hint for each commit would notify them nothing more. */
const minIntervalMs = 20

export interface Notifier {
  notify(): void
  /** Resolves when nothing is left to send: what was asked for last is not rested for. */
  finish(): Promise<void>
}

/**
 * Sends one hint for all that asked since the last was sent, one at a time. The first goes at once; a fault of it is
 * nobody's concern, because whoever follows looks at the log by themselves every few seconds.
 */
export function createNotifier(send: () => Promise<unknown>): Notifier {
  let isBusy = false
  let isAsked = false
  let sending: Promise<unknown> = Promise.resolve()
  return { notify, finish }

  function notify(): void {
    isAsked = true
    if (!isBusy) void sendAll()
  }

  async function sendAll(): Promise<void> {
    isBusy = true
    while (isAsked) {
      await sendOnce()
      await new Promise((resolve) => setTimeout(resolve, minIntervalMs).unref())
    }
    isBusy = false
  }

  function sendOnce(): Promise<unknown> {
    isAsked = false
    sending = send().catch(ignoreFailure)
    return sending
  }

  async function finish(): Promise<void> {
    await sending
    if (isAsked) await sendOnce()
  }
}

function ignoreFailure(): void {
  // The database did not take it. Followers poll.
}
