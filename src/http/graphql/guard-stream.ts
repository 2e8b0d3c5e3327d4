/**
 * The stream of a guard, without graphql-js and Yoga at each event: all guards send the same document, so an event has
 * the same bytes for all of them. They are made once, and this service's own server writes them to each connection.
 *
 * Everything before the first event is as for any other subscription: authentication, limits and errors. The bytes are
 * those that Yoga would write (`test/engines/guard-stream.test.ts`).
 */
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  locatedError,
} from 'graphql'
import { type FetchAPI, isAsyncIterable } from 'graphql-yoga'
import { blockText } from '../../graph/subscriptions.ts'
import { followDocument } from '../../guard/documents.ts'
import type { GuardFeedEvent } from '../../tokens/live/guard-feed.ts'
import { withoutHttp } from './without-http.ts'

/** Whether an operation is that of a guard. One whose variables do not fit is left to graphql-js, as is any other. */
export function isForGuard({ document, variableValues }: ExecutionArgs): boolean {
  const after = variableValues?.['after']
  return isGuardDocument(document) && (after == null || typeof after === 'string')
}

function isGuardDocument({ loc }: DocumentNode): boolean {
  return loc?.source.body === followDocument
}

/** In the place of graphql-js's `subscribe`, which would run the document for each event and each guard. */
export async function subscribeForGuard(
  args: ExecutionArgs,
): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
  // graphql-js types events as unknown. The document says which they are.
  const events = await createSourceEventStream(args)
  return isAsyncIterable(events) ? new Results(events as AsyncIterable<GuardFeedEvent>, args.document) : events
}

/** A class, because a generator would take a turn more for each event. */
class Results implements AsyncIterableIterator<ExecutionResult> {
  readonly #events: AsyncIterator<GuardFeedEvent>
  readonly #document: DocumentNode

  constructor(events: AsyncIterable<GuardFeedEvent>, document: DocumentNode) {
    this.#events = events[Symbol.asyncIterator]()
    this.#document = document
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    try {
      const step = await this.#events.next()
      return step.done === true ? over : { done: false, value: resultOf(step.value) }
    } catch (error) {
      throw locatedError(error, this.#document.definitions)
    }
  }

  async return(): Promise<IteratorResult<ExecutionResult, undefined>> {
    await this.#events.return?.()
    return over
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

const over = { done: true, value: undefined } as const

/** A result, as the bytes that are sent. */
interface WrittenResult extends ExecutionResult {
  readonly frame: Uint8Array
}

const results = new WeakMap<GuardFeedEvent, WrittenResult>()

function resultOf(event: GuardFeedEvent): WrittenResult {
  const known = results.get(event)
  if (known !== undefined) return known
  const { cursor, hasGap, epoch, arrivedAt = null, readAt, isComplete } = event
  // In the order of the document.
  const revocationFeed = { cursor, hasGap, epoch, block: blockText(event), arrivedAt, readAt, isComplete }
  const result = { frame: frameOf(JSON.stringify({ data: { revocationFeed } })) }
  results.set(event, result)
  return result
}

const utf8 = new TextEncoder()
/** What Yoga begins with, and what keeps a connection on which nothing else is sent. */
export const pingFrame: Uint8Array = utf8.encode(':\n\n')
const completeFrame = utf8.encode('event: complete\ndata:\n\n')

function frameOf(text: string): Uint8Array {
  return utf8.encode(`event: next\ndata: ${text}\n\n`)
}

/** The frames of answers that this service's own server writes by itself. */
const framesOfAnswers = new WeakMap<Response, AsyncIterator<Uint8Array>>()

/** The frames of an answer that is the stream of a guard. Who takes them does not read the body. */
export function takeFrames(answer: Response): AsyncIterator<Uint8Array> | undefined {
  return framesOfAnswers.get(answer)
}

/**
 * In the place of Yoga's writer of server-sent events. The body is for servers that this handler is mounted in, and costs
 * nothing until it is read: a stream of the platform takes longer for an event than everything else.
 */
export function writeGuardStream(given: unknown, { Response, ReadableStream }: FetchAPI): Response {
  // Called only for the results of `subscribeForGuard`, and of the error that ends them.
  const frames = framesOf((given as AsyncIterable<ExecutionResult>)[Symbol.asyncIterator]())
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const { done, value } = await frames.next()
    if (done === true) controller.close()
    else controller.enqueue(value)
  }
  const cancel = async () => void (await frames.return?.())
  const body = new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 })
  const answer = new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  framesOfAnswers.set(answer, frames)
  return answer
}

function framesOf(steps: AsyncIterator<ExecutionResult>): AsyncIterator<Uint8Array> {
  let state: 'beginning' | 'open' | 'over' = 'beginning'
  return {
    async next() {
      if (state === 'beginning') {
        state = 'open'
        return { done: false, value: pingFrame }
      }
      if (state === 'over') return over
      const step = await steps.next()
      if (step.done !== true)
        return { done: false, value: isWritten(step.value) ? step.value.frame : frameOf(refusalText(step.value)) }
      state = 'over'
      return { done: false, value: completeFrame }
    },
    async return() {
      state = 'over'
      await steps.return?.()
      return over
    },
  }
}

function isWritten(result: ExecutionResult): result is WrittenResult {
  return 'frame' in result
}

/** Why the stream ends. */
function refusalText({ errors = [] }: ExecutionResult): string {
  return JSON.stringify({ errors: errors.map(withoutHttp) })
}
