import type { Observer, StatementName, TracePoint } from '../events/observer.ts'
import { unavailable } from './engine/errors.ts'

/** Fewer items than this share one statement: to split them over two would cost more than it gains. */
const minToSplit = 16
const maxBatchSize = 256
/**
 * How long an item may wait for the statements before it. One that waits longer is refused and not sent: its caller has
 * been answered by then, or soon will be, and must not be told to repeat what is done later.
 */
const maxWaitMs = 5_000

/** How the statements of a batcher are sent and measured. */
export interface BatchOptions {
  readonly name: StatementName
  readonly observer: Observer
  /** How many statements may be in flight at once. */
  readonly concurrency?: number
}

interface Waiting<Item, Answer> {
  readonly item: Item
  readonly place: TracePoint
  readonly since: number
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Natural batching: while statements are in flight, new items wait, and the next statement takes all of them.
 *
 * A single item is sent at once. Concurrent items share a statement and its commit, which is what makes it fast (in a
 * batch of 64, a row costs Postgres about a seventh). There is no timer: no item waits for a batch to fill.
 *
 * With a `concurrency` of two, concurrent items are split in halves, so
 * that this process reads and writes HTTP for one half while Postgres works on the other. With one, this process and
 * Postgres would each wait for the other to finish.
 *
 * An item that had to wait for longer than 5 s fails with ERR_STORAGE_UNAVAILABLE, and nothing was done for it.
 *
 * `run` must return one answer for each item, in the same order. If it throws, all items of that batch fail, and no
 * others.
 */
export function createBatcher<Item, Answer>(
  run: (items: readonly Item[]) => Promise<readonly Answer[]>,
  { name, observer, concurrency = 1 }: BatchOptions,
): (item: Item) => Promise<Answer> {
  const waiting: Waiting<Item, Answer>[] = []
  let running = 0
  let inFlight = 0
  let isScheduled = false

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, place: observer.here(), since: performance.now(), resolve, reject })
      scheduleSend()
    })

  /** Waits for the end of this tick of the event loop, so that all items of the tick can share a batch. */
  function scheduleSend(): void {
    if (isScheduled) return
    isScheduled = true
    queueMicrotask(() => {
      isScheduled = false
      while (isDue()) void send()
    })
  }

  function isDue(): boolean {
    if (waiting.length === 0) return false
    return running === 0 || (running < concurrency && waiting.length >= Math.max(minToSplit, inFlight))
  }

  async function send(): Promise<void> {
    refuseOverdue()
    if (waiting.length === 0) return
    const share = Math.max(minToSplit, Math.ceil((waiting.length + inFlight) / concurrency))
    const batch = waiting.splice(0, Math.min(share, maxBatchSize))
    running++
    inFlight += batch.length
    await answerAll(batch)
    running--
    inFlight -= batch.length
    scheduleSend()
  }

  /** The items are in the order in which they came. */
  function refuseOverdue(): void {
    const oldest = performance.now() - maxWaitMs
    while (waiting[0] !== undefined && waiting[0].since < oldest)
      waiting.shift()?.reject(unavailable(new Error('The statements before it took too long')))
  }

  async function answerAll(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const places = batch.map(({ place }) => place)
      const answers = await observer.statement(name, places, () => run(batch.map(({ item }) => item)))
      for (const [place, { resolve, reject }] of batch.entries()) {
        const answer = answers[place]
        if (answer === undefined) reject(new Error(`No answer for item ${place} of a batch of ${batch.length}`))
        else resolve(answer)
      }
    } catch (reason) {
      for (const { reject } of batch) reject(reason)
    }
  }
}

/** Asks equal questions only once: a request of 64 KB has room for a thousand equal questions. */
export function askOnce<Question, Answer>(
  run: (questions: readonly Question[]) => Promise<readonly Answer[]>,
): (questions: readonly Question[]) => Promise<readonly Answer[]> {
  return async (questions) => {
    const places = new Map<string, number>()
    const distinct: Question[] = []
    const placeOf = questions.map((question) => {
      const key = JSON.stringify(question)
      const place = places.get(key) ?? distinct.push(question) - 1
      places.set(key, place)
      return place
    })
    const answers = await run(distinct)
    return placeOf.flatMap((place) => answers.slice(place, place + 1))
  }
}
