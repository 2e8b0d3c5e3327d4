import { setTimeout as sleep } from 'node:timers/promises'

/** How long all parts may take to close together. The server is the first, and takes 3.5 s at most. */
const stopMs = 4_700
/** A part is given this much, however long the others took. */
const leastMs = 100

/**
 * Closes in reverse order. If one fails or takes too long, the others are closed nevertheless.
 *
 * @throws AggregateError
 */
export async function closeAll(opened: readonly (() => Promise<void>)[]): Promise<void> {
  const faults: unknown[] = []
  const startedAt = performance.now()
  for (const close of opened.toReversed()) {
    const restMs = Math.max(leastMs, stopMs - (performance.now() - startedAt))
    await within(restMs, close()).catch((fault: unknown) => faults.push(fault))
  }
  if (faults.length > 0) throw new AggregateError(faults, 'Not everything could be closed')
}

/** @throws Error: it takes longer */
async function within(ms: number, closing: Promise<void>): Promise<void> {
  const stopped = new AbortController()
  const late = sleep(ms, undefined, { signal: stopped.signal, ref: false }).then(() => {
    throw new Error(`A part of the service did not close within ${Math.round(ms)} ms`)
  })
  try {
    await Promise.race([closing, late])
  } finally {
    stopped.abort()
    late.catch(() => undefined)
  }
}

/** Runs the function at the first call. All calls answer the same promise. */
export function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}
