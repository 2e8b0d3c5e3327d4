import type { RunningPostgres } from '../scripts/lib/postgres.ts'
import type { Options } from './options.ts'
import type { Progress } from './progress.ts'

/** What all contenders share. */
export interface Stage {
  readonly options: Options
  readonly postgres: RunningPostgres
  readonly progress: Progress
  /** For files that are of no use later. */
  readonly folder: string
  /** Has it closed at the end; the last opened first. */
  keep<Thing extends Closable>(thing: Thing): Thing
}

export interface Closable {
  close(): Promise<void>
}

export interface Closing extends Closable {
  keep<Thing extends Closable>(thing: Thing): Thing
}

/** Remembers what was opened. A second call to close joins the first; one thing that fails does not keep others open. */
export function createClosing(): Closing {
  const opened: Closable[] = []
  let closing: Promise<void> | undefined
  return {
    keep: (thing) => {
      opened.push(thing)
      return thing
    },
    close: () => {
      closing ??= closeAll(opened).finally(() => {
        closing = undefined
      })
      return closing
    },
  }
}

async function closeAll(opened: Closable[]): Promise<void> {
  const faults: unknown[] = []
  for (let thing = opened.pop(); thing !== undefined; thing = opened.pop())
    await thing.close().catch((fault: unknown) => faults.push(fault))
  if (faults.length > 0) throw new AggregateError(faults, 'Not everything could be closed')
}

/** Opens on first use; later calls join the first. */
export function lazy<Thing>(open: () => Promise<Thing>): () => Promise<Thing> {
  let opening: Promise<Thing> | undefined
  return () => {
    opening ??= open()
    return opening
  }
}
