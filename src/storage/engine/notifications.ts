import type { EmitEvent } from '../../events/events.ts'
import { type BlockSection, decodeBlock, encodeBlock, joinSections, UnreadableBlock } from '../../tokens/block.ts'
import { evidence } from './errors.ts'

/**
 * Notifies followers that the log may have grown. A notification is only a hint: no writer waits for it, a lost one
 * delays followers but loses no revocation, and followers read the new rows from the log. It says what was appended, so
 * that guards can refuse a token before the log is read.
 */
export interface Notifications {
  /** Call it after a commit that appended to the log. Returns at once. */
  notify(appended: BlockSection): void
  /** Calls `onChange` at each notification, and from time to time without one. Returns the function that stops it. */
  listen(onChange: OnChange): () => void
}

/** What was appended, if the notification says so. It may be anything that a role of the database has sent. */
export type OnChange = (appended?: BlockSection) => void

/** Within one process: the embedded engine has no other. */
export function createLocalNotifications(): Notifications {
  const listeners = new Set<{ readonly onChange: OnChange }>()
  return {
    notify: (appended) => {
      for (const { onChange } of listeners) onChange(appended)
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

/** At most 200 notifications a second go to other processes. What is appended meanwhile goes together. */
const minIntervalMs = 5

/** A payload holds less than so many. Beyond it, what was appended is read from the log alone. */
const mostSections = 4_000

/** PostgreSQL's limit of a payload is 7,999 bytes. */
const mostPayloadBytes = 7_900

/** The payload of a notification: who sends it, and what was appended if that is short enough. */
export function writePayload(sender: string, appended: readonly BlockSection[]): string {
  const block = Buffer.from(encodeBlock([joinSections(appended)])).toString('base64url')
  const payload = `${sender} ${block}`
  return payload.length <= mostPayloadBytes ? payload : sender
}

/**
 * What was appended, by the payload of a notification. Any role of the database may send one, so it is decoded within
 * bounds and encoded anew before anybody gets it. A payload that cannot be read is a notification without content.
 */
export function readPayload(payload: string): BlockSection | undefined {
  const [, block] = payload.split(' ')
  if (block === undefined) return undefined
  try {
    return { ...joinSections(decodeBlock(Buffer.from(block, 'base64url'))), ageSeconds: 0 }
  } catch (error) {
    if (error instanceof UnreadableBlock) return undefined
    throw error
  }
}

export interface Notifier {
  notify(appended: BlockSection): void
  /** Resolves when every hint is sent. It sends the last one without waiting for the interval to pass. */
  finish(): Promise<void>
}

/**
 * Sends notifications one at a time; one serves all calls of `notify` since the last one was sent. The first is sent at
 * once. One that could not be sent is not sent again, because followers read the log every few seconds without one.
 */
export function createNotifier(
  send: (appended: readonly BlockSection[]) => Promise<unknown>,
  emit: EmitEvent,
): Notifier {
  let isSending = false
  let unsent: BlockSection[] = []
  let sending: Promise<unknown> = Promise.resolve()
  return { notify, finish }

  function notify(appended: BlockSection): void {
    // The sending may take long, and there may be very many meanwhile.
    if (unsent.length < mostSections) unsent.push(appended)
    if (!isSending) void sendAll()
  }

  async function sendAll(): Promise<void> {
    isSending = true
    while (unsent.length > 0) {
      await sendOnce()
      await new Promise((resolve) => setTimeout(resolve, minIntervalMs).unref())
    }
    isSending = false
  }

  function sendOnce(): Promise<unknown> {
    const appended = unsent
    unsent = []
    sending = send(appended).catch((error: unknown) => emit({ name: 'notification_not_sent', error: evidence(error) }))
    return sending
  }

  async function finish(): Promise<void> {
    await sending
    if (unsent.length > 0) await sendOnce()
  }
}
