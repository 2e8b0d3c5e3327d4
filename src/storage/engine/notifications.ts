/**
 * That the log may have something new, told to whoever follows it. Only a hint: nobody waits for it, its loss delays and
 * loses nothing, and what is new is read from the log.
 */
export interface Announcements {
  /** After a commit that appended to the log. Returns at once. */
  announce(): void
  /** Calls `wake` at each announcement, and now and then without one. Answers the function that ends it. */
  listen(wake: () => void): () => void
}

/** Within one process, which is all there is on the embedded engine. */
export function createLocalAnnouncements(): Announcements {
  const listeners = new Set<{ readonly wake: () => void }>()
  return {
    announce: () => {
      for (const { wake } of listeners) wake()
    },
    listen: (wake) => {
      const listener = { wake }
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}

/** Under load other processes are told 50 times a second at most: a hint for each commit would tell them nothing more. */
const restMs = 20

export interface Teller {
  tell(): void
  /** Resolves when nothing is left to send: what was asked for last is not rested for. */
  finish(): Promise<void>
}

/**
 * Sends one hint for all that asked since the last was sent, one at a time. The first goes at once; a fault of it is
 * nobody's concern, because whoever follows looks at the log by themselves every few seconds.
 */
export function createTeller(send: () => Promise<unknown>): Teller {
  let isBusy = false
  let isAsked = false
  let sending: Promise<unknown> = Promise.resolve()
  return { tell, finish }

  function tell(): void {
    isAsked = true
    if (!isBusy) void sendAll()
  }

  async function sendAll(): Promise<void> {
    isBusy = true
    while (isAsked) {
      await sendOnce()
      await new Promise((resolve) => setTimeout(resolve, restMs).unref())
    }
    isBusy = false
  }

  function sendOnce(): Promise<unknown> {
    isAsked = false
    sending = send().catch(leaveToPoll)
    return sending
  }

  async function finish(): Promise<void> {
    await sending
    if (isAsked) await sendOnce()
  }
}

function leaveToPoll(): void {
  // The database did not take it. Followers poll.
}
