import type { ExecutionResult, GraphQLError } from 'graphql'

interface StreamEnd {
  readonly present: (error: unknown) => GraphQLError
  /** Called at the end of the stream, also more than once. */
  readonly leave: () => void
}

/**
 * When the source of a stream fails, the stream sends an error that is presented like any other, and then completes.
 * Yoga would close the connection, and the client would not learn the reason.
 */
export function endWithError(
  results: AsyncIterable<ExecutionResult>,
  { present, leave }: StreamEnd,
): AsyncIterableIterator<ExecutionResult> {
  const iterator = results[Symbol.asyncIterator]()
  let hasFailed = false
  return {
    async next() {
      if (hasFailed) return completed
      try {
        const step = await iterator.next()
        if (step.done === true) leave()
        if (step.done === true || step.value.errors === undefined) return step
        return { done: false, value: { ...step.value, errors: step.value.errors.map(present) } }
      } catch (error) {
        hasFailed = true
        leave()
        return { done: false, value: { errors: [present(error)] } }
      }
    },
    return: async () => {
      leave()
      return iterator.return?.() ?? completed
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

const completed = { done: true, value: undefined } as const

/** Ends the stream when the caller disconnects. If that happens before Yoga reads it, it would stay open for ever. */
export function endOnAbort(signal: AbortSignal, results: AsyncIterableIterator<unknown>): void {
  const end = () => void results.return?.()
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
}
