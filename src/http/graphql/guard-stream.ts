/**
 * The stream of a guard, without graphql-js at each event: all guards send the same document, so an event has the same
 * text for all of them, and it is made once.
 *
 * Everything else is as for any other subscription: authentication, limits, errors, and how Yoga writes it. The text is
 * the one that graphql-js and Yoga would make, byte for byte (`test/engines/guard-stream.test.ts`).
 */
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  locatedError,
} from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import { blockText } from '../../graph/subscriptions.ts'
import { followDocument } from '../../guard/documents.ts'
import type { GuardFeedEvent } from '../../tokens/live/guard-feed.ts'

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

/** A result that Yoga writes by its own function. */
interface WrittenResult extends ExecutionResult {
  readonly stringify: () => string
}

const results = new WeakMap<GuardFeedEvent, WrittenResult>()

function resultOf(event: GuardFeedEvent): WrittenResult {
  const known = results.get(event)
  if (known !== undefined) return known
  const { cursor, hasGap, epoch, arrivedAt = null, readAt, isComplete } = event
  // In the order of the document.
  const revocationFeed = { cursor, hasGap, epoch, block: blockText(event), arrivedAt, readAt, isComplete }
  const text = JSON.stringify({ data: { revocationFeed } })
  const result = { stringify: () => text }
  results.set(event, result)
  return result
}
