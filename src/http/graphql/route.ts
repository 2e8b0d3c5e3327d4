import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { createYoga, isAsyncIterable, type Plugin } from 'graphql-yoga'
import { createErrorPresenter } from '../../graph/errors.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { authenticateHeader } from '../credentials.ts'
import { malformed, readGetParams, readPostParams } from './params.ts'

export interface GraphqlDependencies {
  readonly schema: GraphQLSchema
  readonly tokens: Tokens
  readonly endpoint: string
  /** Told about everything that a caller only reads "Unexpected error." of, and about a database that is gone. */
  readonly report: (error: unknown) => void
}

/** GraphiQL's introspection has some 300 tokens. The limit also bounds depth and aliases, before anything recurses. */
export const mostTokens = 1000

/** RFC 6749 §5.1: an answer that may hold a token is kept by nobody. */
export const answerHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

/** The GraphQL route: Yoga, with its doors narrowed. */
export function createGraphqlHandler(dependencies: GraphqlDependencies): (request: Request) => Promise<Response> {
  const { schema, tokens, endpoint, report } = dependencies
  const present = createErrorPresenter(schema, report)
  const yoga = createYoga({
    schema,
    graphqlEndpoint: endpoint,
    context: async ({ request }) => ({
      tokens,
      caller: await authenticateHeader(tokens, request.headers.get('authorization')),
    }),
    plugins: [useRequestLimits(present)],
    // All errors, also Yoga's own, are presented in one place: `useRequestLimits`.
    maskedErrors: false,
    logging: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    maxRequestBodySize: false,
    // Any page may call: there is no cookie that a browser would add, so a page can do only what its tokens allow.
    cors: { origin: '*', credentials: false, methods: ['GET', 'POST', 'OPTIONS'] },
  })
  return async (request) => {
    const response = await yoga.fetch(request)
    for (const [name, value] of Object.entries(answerHeaders)) response.headers.set(name, value)
    // nginx holds back what it proxies until a buffer is full; this tells it not to.
    if (isEventStream(response)) response.headers.set('x-accel-buffering', 'no')
    return response
  }
}

/** Whether it goes on for as long as its reader listens. */
export function isEventStream({ headers }: Response): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

/** One plugin, because each costs microseconds at every request. */
function useRequestLimits(present: (error: unknown) => GraphQLError): Plugin {
  return {
    onRequestParse({ request, setRequestParser }) {
      // Yoga finds this out when it writes the answer: after a mutation has had its effect.
      if (!takesAnswer(request.headers.get('accept'))) throw malformed('Expected `Accept` to allow JSON', 406)
      if (request.method === 'GET') setRequestParser(readGetParams)
      if (request.method !== 'POST') return
      if (!/^application\/(graphql\+)?json *(;|,|$)/i.test(request.headers.get('content-type') ?? ''))
        throw malformed('Expected `Content-Type: application/json`', 415)
      setRequestParser(readPostParams)
    },
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: mostTokens }))
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      // Yoga would find out when it writes the answer, and leave a stream behind that nobody reads.
      if (!takesStream(args.contextValue.request.headers.get('accept')))
        return setResultAndStopExecution({
          errors: [malformed('Expected `Accept: text/event-stream` for a subscription', 406)],
        })
      if (hasConditionalRoot(args.document))
        return setResultAndStopExecution({
          errors: [malformed('Expected the field of a subscription without `@skip` and `@include`')],
        })
      return {
        onSubscribeResult: ({ result, setResult }) => {
          if (!isAsyncIterable(result)) return
          const results = endWithError(result, present)
          endWith(args.contextValue.request.signal, results)
          setResult(results)
        },
      }
    },
    onResultProcess({ result, setResult }) {
      if ('errors' in result && result.errors !== undefined)
        setResult({ ...result, errors: result.errors.map(present) })
    },
  }
}

/**
 * GraphQL's newest edition refuses it, graphql-js does not yet: a subscription whose only field is left out has nothing
 * to listen to, and its executor stumbles.
 */
function hasConditionalRoot({ definitions }: DocumentNode): boolean {
  return definitions.some(
    (definition) =>
      (definition.kind === Kind.OPERATION_DEFINITION || definition.kind === Kind.FRAGMENT_DEFINITION) &&
      (definition.kind === Kind.OPERATION_DEFINITION
        ? definition.operation === 'subscription'
        : definition.typeCondition.name.value === 'Subscription') &&
      isConditional(definition.selectionSet),
  )
}

function isConditional({ selections }: SelectionSetNode): boolean {
  return selections.some(
    (selection) =>
      selection.directives?.some(({ name }) => name.value === 'skip' || name.value === 'include') ||
      (selection.kind === Kind.INLINE_FRAGMENT && isConditional(selection.selectionSet)),
  )
}

/**
 * A stream whose source breaks ends with an error that is presented like any other, and then completes: Yoga would
 * break the connection, and its reader would learn nothing.
 */
function endWithError(
  results: AsyncIterable<ExecutionResult>,
  present: (error: unknown) => GraphQLError,
): AsyncIterableIterator<ExecutionResult> {
  const iterator = results[Symbol.asyncIterator]()
  let isBroken = false
  return {
    async next() {
      if (isBroken) return over
      try {
        const step = await iterator.next()
        if (step.done === true || step.value.errors === undefined) return step
        return { done: false, value: { ...step.value, errors: step.value.errors.map(present) } }
      } catch (error) {
        isBroken = true
        return { done: false, value: { errors: [present(error)] } }
      }
    },
    return: async () => iterator.return?.() ?? over,
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

const over = { done: true, value: undefined } as const

/** A caller who hangs up before Yoga has begun to read the stream would leave it behind, open for ever. */
function endWith(signal: AbortSignal, results: AsyncIterableIterator<unknown>): void {
  const end = () => void results.return?.()
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
}

/** Whether any of the types that Yoga can write is acceptable; it writes UTF-8 and does not weigh `q`. */
function takesAnswer(accept: string | null): boolean {
  return (accept || '*/*').toLowerCase().split(',').some(isWritable)
}

function takesStream(accept: string | null): boolean {
  const types = (accept || '*/*').toLowerCase().split(',')
  return types.some((entry) => isWritable(entry) && /^\s*(?:\*\/\*|text\/(?:\*|event-stream))/.test(entry))
}

function isWritable(entry: string): boolean {
  const [type = '', ...parameters] = entry.replace(/\s/g, '').split(';')
  const charset = parameters.find((parameter) => parameter.includes('charset='))
  return (charset === undefined || charset === 'charset=utf-8') && writableType.test(type)
}

const writableType =
  /^(?:\*\/\*|application\/(?:\*|json|graphql-response\+json)|text\/(?:\*|event-stream)|multipart\/(?:\*|mixed))$/
