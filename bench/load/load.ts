import { type Answer, type Connection, openConnection } from './connection.ts'

export interface Load {
  readonly origin: URL
  readonly connections: number
  readonly seconds: number
  /** The next request; undefined when there are no more, which ends the load early. */
  readonly next: () => string | undefined
  readonly isExpected: (answer: Answer) => boolean
}

export interface LoadResult {
  readonly count: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/**
 * Keeps one request in flight on each connection for the given time, and waits for the last answers.
 *
 * @throws Error at the first wrong answer.
 */
export async function runLoad(load: Load): Promise<LoadResult> {
  const connections = await Promise.all(Array.from({ length: load.connections }, () => openConnection(load.origin)))
  try {
    const tookMs: number[] = []
    const startedAt = performance.now()
    await Promise.all(connections.map((connection) => drive(connection, { ...load, startedAt, tookMs })))
    const seconds = (performance.now() - startedAt) / 1000
    return summarise(tookMs, seconds)
  } finally {
    for (const connection of connections) connection.close()
  }
}

interface Drive extends Load {
  readonly startedAt: number
  readonly tookMs: number[]
}

async function drive(connection: Connection, { startedAt, seconds, next, isExpected, tookMs }: Drive): Promise<void> {
  const endsAt = startedAt + seconds * 1000
  for (let sentAt = performance.now(); sentAt < endsAt; sentAt = performance.now()) {
    const request = next()
    if (request === undefined) return
    const answer = await connection.send(request)
    tookMs.push(performance.now() - sentAt)
    if (!isExpected(answer)) throw new Error(`A wrong answer, ${answer.status} ${answer.body}, to\n${request}`)
  }
}

/** Summarises the times of all requests of a load that took `seconds`. */
export function summarise(tookMs: readonly number[], seconds: number): LoadResult {
  const sorted = Float64Array.from(tookMs).sort()
  const quantile = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { count: sorted.length, perSecond: sorted.length / seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}
