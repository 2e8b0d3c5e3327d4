import type { RunningPostgres } from '../scripts/lib/postgres.ts'
import type { Options } from './options.ts'
import type { Progress } from './progress.ts'

/** What all contenders of one run share. */
export interface BenchContext {
  readonly options: Options
  readonly postgres: RunningPostgres
  readonly progress: Progress
  /** For temporary files. */
  readonly folder: string
  /** Has it closed at the end of the benchmark, in reverse order of these calls. */
  closeAtEnd<Resource extends Closable>(resource: Resource): Resource
}

export interface Closable {
  close(): Promise<void>
}

export interface Cleanup extends Closable {
  closeAtEnd<Resource extends Closable>(resource: Resource): Resource
}

/**
 * Records what was opened. A second call to `close` joins the first, and a resource that fails to close does not stop
 * the others from being closed.
 */
export function createCleanup(): Cleanup {
  const opened: Closable[] = []
  let closing: Promise<void> | undefined
  return {
    closeAtEnd: (resource) => {
      opened.push(resource)
      return resource
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
  for (let resource = opened.pop(); resource !== undefined; resource = opened.pop())
    await resource.close().catch((fault: unknown) => faults.push(fault))
  if (faults.length > 0) throw new AggregateError(faults, 'Not everything could be closed')
}

/** Opens on first use; later calls join the first. */
export function lazy<Resource>(open: () => Promise<Resource>): () => Promise<Resource> {
  let opening: Promise<Resource> | undefined
  return () => {
    opening ??= open()
    return opening
  }
}
