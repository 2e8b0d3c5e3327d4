import type { EmitEvent, ServiceEvent } from './events.ts'

/** How many times a second an event with the same error message is reported. */
const mostPerSecond = 5
/** How many different messages of one second are counted each by itself. All others count as one for each event. */
const mostMessages = 1_000

/**
 * Reports the same event with the same error message at most five times in a second. What was left out is reported at
 * the end of the second, by one more event of the same name with the fact `leftOut`.
 *
 * While the database is down each request fails with the same error: 5,000 lines a second would fill a disk and slow
 * the process down, and would say no more than the first.
 */
export function limitRepeats(emit: EmitEvent): EmitEvent {
  const seen = new Map<string, { emitted: number; leftOut: number }>()

  return (event) => {
    const key = keyOf(event)
    const repeats = seen.get(key)
    if (repeats === undefined) startCounting(key, event)
    else if (repeats.emitted >= mostPerSecond) {
      repeats.leftOut++
      return
    } else repeats.emitted++
    emit(event)
  }

  function keyOf({ name, error }: ServiceEvent): string {
    const key = `${name} ${error instanceof Error ? error.message : ''}`
    return seen.size < mostMessages || seen.has(key) ? key : name
  }

  function startCounting(key: string, { name, error }: ServiceEvent): void {
    const repeats = { emitted: 1, leftOut: 0 }
    seen.set(key, repeats)
    // It must not keep a process alive that is done.
    setTimeout(() => {
      seen.delete(key)
      if (repeats.leftOut > 0) emit({ name, error, facts: { leftOut: repeats.leftOut } })
    }, 1_000).unref()
  }
}
