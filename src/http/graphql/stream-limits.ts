/**
 * How many streams may be open: in this process, and for each caller. And how many are opened at the same time: thousands
 * of subscriptions at once would otherwise stand before every other request, at the processor and at the database.
 */
import { GraphQLError } from 'graphql'
import type { EmitEvent } from '../../events/events.ts'
import { TokenServiceError } from '../../tokens/errors.ts'
import type { RequestContext } from '../request-context.ts'

export interface StreamLimitsOptions {
  /** The most open streams of this process. */
  readonly maxStreams: number
  /** The most open streams of one caller: of a client, of an owner, or of an address. */
  readonly maxStreamsPerCaller: number
  readonly emit: EmitEvent
}

/** Unless others are set. A stream takes some 40 KB. A page has one; a gateway one for each of its instances. */
export const defaultStreamLimits = { maxStreams: 2_000, maxStreamsPerCaller: 100 } as const

/**
 * Opening a stream takes 1 to 2 ms of the processor and a few statements. Those of many streams go together in one: with
 * four at a time a stream takes twice as much. With 32, another request waits some 50 ms longer.
 */
const mostOpening = 32

export interface StreamLimits {
  /** Waits until few enough streams are being opened. Answers the function to call once this one is open or refused. */
  waitForTurn(): Promise<() => void>
  /**
   * Takes a place for a stream. Answers the function that gives the place back; calling it again does nothing.
   *
   * @throws GraphQLError: the caller, or this process, has as many as it may have
   */
  takePlace(context: RequestContext): () => void
}

export function createStreamLimits({ maxStreams, maxStreamsPerCaller, emit }: StreamLimitsOptions): StreamLimits {
  const openByCaller = new Map<string, number>()
  const waiting: (() => void)[] = []
  let open = 0
  let opening = 0

  return {
    async waitForTurn() {
      if (opening >= mostOpening) await new Promise<void>((resolve) => waiting.push(resolve))
      else opening++
      return endTurn
    },
    takePlace({ findings, address }) {
      const caller = findings.caller ?? `address:${address}`
      const ofCaller = openByCaller.get(caller) ?? 0
      if (ofCaller >= maxStreamsPerCaller) throw refuse('caller', maxStreamsPerCaller)
      if (open >= maxStreams) throw refuse('process', maxStreams)
      openByCaller.set(caller, ofCaller + 1)
      open++
      let isReleased = false
      return () => {
        if (isReleased) return
        isReleased = true
        release(caller)
      }
    },
  }

  /** The next one begins in the next turn of the event loop: other requests are read in between. */
  function endTurn(): void {
    const next = waiting.shift()
    if (next === undefined) opening--
    else setImmediate(next)
  }

  function release(caller: string): void {
    open--
    const rest = (openByCaller.get(caller) ?? 1) - 1
    if (rest === 0) openByCaller.delete(caller)
    else openByCaller.set(caller, rest)
  }

  function refuse(limited: 'caller' | 'process', most: number): GraphQLError {
    emit({ name: 'stream_refused', facts: { limited, most } })
    const [message, status] =
      limited === 'caller'
        ? [`Expected at most ${most} open streams of one caller: close one before you open another.`, 429]
        : ['This instance has as many open streams as it may have: try again later.', 503]
    return new GraphQLError(message, {
      originalError: new TokenServiceError('ERR_RATE_LIMITED', message),
      extensions: { http: { status, headers: { 'retry-after': '10' } } },
    })
  }
}
