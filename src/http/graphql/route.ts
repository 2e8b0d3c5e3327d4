import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import { type CORSOptions, createYoga, isAsyncIterable, type Plugin, processRegularResult } from 'graphql-yoga'
import type { EmitEvent } from '../../events/events.ts'
import { type GraphContext, graphContext } from '../../graph/builder.ts'
import { createErrorPresenter } from '../../graph/errors.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { answerHeaders, exposedHeaders } from '../answer-headers.ts'
import { type AllowedOrigins, isAllowedOrigin } from '../cors.ts'
import { authenticateHeader } from '../credentials.ts'
import { assertMayReadSchema, type Exposure, hasPreflight } from '../exposure.ts'
import type { RateLimits } from '../rate-limits.ts'
import type { RequestContext, RouteHandler } from '../request-context.ts'
import type { Documents } from './documents.ts'
import { isForGuard, subscribeForGuard, writeGuardStream } from './guard-stream.ts'
import { noteOperation } from './operation-name.ts'
import { malformed, readGetParams, readPostParams } from './params.ts'
import { persistedQueryErrors } from './persisted-query.ts'
import { endOnAbort, endWithError } from './stream-end.ts'
import type { StreamLimits } from './stream-limits.ts'

export interface GraphqlDependencies {
  readonly schema: GraphQLSchema
  readonly tokens: Tokens
  readonly endpoint: string
  readonly documents: Documents
  readonly limits: RateLimits
  readonly streams: StreamLimits
  readonly exposure: Exposure
  readonly maxBodyBytes: number
  /** Whose pages may call: any by default. */
  readonly corsOrigins?: AllowedOrigins | undefined
  readonly emit: EmitEvent
}

/** The GraphQL route: Yoga, with limits on the requests that it accepts. */
export function createGraphqlHandler(dependencies: GraphqlDependencies): RouteHandler {
  const { schema, tokens, endpoint, limits, streams, exposure, corsOrigins = '*', emit } = dependencies
  const suggests = exposure.introspection === 'everyone'
  const present = createErrorPresenter(schema, emit, { suggests })
  const yoga = createYoga<ServerContext>({
    schema,
    graphqlEndpoint: endpoint,
    context: async ({ request, requestContext: context }) =>
      graphContext({
        tokens,
        caller: await authenticateHeader({ tokens, limits, context }, request.headers.get('authorization')),
        request: context,
      }),
    plugins: [useRequestLimits(dependencies, present)],
    // All errors, Yoga's own too, are presented in one place: `useRequestLimits`.
    maskedErrors: false,
    // Yoga's cache is bounded by the number of documents: a few long ones could fill the memory.
    parserAndValidationCache: false,
    logging: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    maxRequestBodySize: false,
    cors: corsOf(corsOrigins),
  })
  const answer: RouteHandler = async (request, requestContext) =>
    request.method === 'HEAD'
      ? yoga.fetch(asGet(request), { requestContext, isHead: true })
      : yoga.fetch(request, { requestContext })
  return async (request, requestContext) => {
    const mayOpenStream = request.headers.get('accept')?.includes('text/event-stream') ?? false
    const endTurn = mayOpenStream ? await streams.waitForTurn() : undefined
    const response = await answer(request, requestContext).finally(endTurn)
    for (const [name, value] of Object.entries(answerHeaders)) response.headers.set(name, value)
    // Only what Yoga writes in pieces has none: server-sent events and multipart.
    if (!response.headers.has('content-length')) correctStreamHeaders(response)
    return response
  }
}

/**
 * What Yoga may add for the request's origin. It is not given the list: for an origin that is not in it, it answers
 * `Access-Control-Allow-Origin: null`, which is the origin of every sandboxed page, and it takes an empty list for any.
 */
function corsOf(allowed: AllowedOrigins): (request: Request) => CORSOptions {
  const common = { credentials: false, methods: ['GET', 'HEAD', 'POST'], exposedHeaders: [...exposedHeaders] }
  return ({ headers }) => {
    const origin = headers.get('origin')
    return origin !== null && isAllowedOrigin(allowed, origin) ? { ...common, origin: [origin] } : false
  }
}

/**
 * Removes headers that Yoga sets for what it writes in pieces. `Content-Encoding: none` is no registered coding (RFC
 * 9110 §8.4.1), and strict gateways fail at it. The others belong to the server that writes the answer: HTTP/2 forbids
 * them (RFC 9113 §8.2.2).
 */
function correctStreamHeaders(response: Response): void {
  const { headers } = response
  for (const name of ['content-encoding', 'connection', 'transfer-encoding']) headers.delete(name)
  if (!isEventStream(response)) return
  // A program that compresses answers would hold back events. `no-transform` forbids that (RFC 9111 §5.2.2.6).
  headers.set('cache-control', `${answerHeaders['cache-control']}, no-transform`)
  // nginx would hold back a proxied answer until its buffer is full; this header turns that off.
  headers.set('x-accel-buffering', 'no')
}

/** What Yoga passes on beside the request. */
interface ServerContext {
  readonly requestContext: RequestContext
  /** The request is a HEAD, and Yoga reads it as a GET. */
  readonly isHead?: boolean
}

/** Yoga knows no HEAD. */
function asGet({ url, headers }: Request): Request {
  return new Request(url, { headers: [...headers] })
}

/** Whether the response is a stream of events, which goes on for as long as the client reads it. */
export function isEventStream({ headers }: Response): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

/** One plugin does it all, because each plugin costs microseconds at every request. */
function useRequestLimits(
  { documents, limits, streams, exposure, maxBodyBytes }: GraphqlDependencies,
  present: (error: unknown) => GraphQLError,
): Plugin<GraphContext & ServerContext, ServerContext> {
  const guardRequests = new WeakSet<RequestContext>()
  const presentUnlessFinal = (error: GraphQLError) => (persistedQueryErrors.includes(error) ? error : present(error))
  return {
    onRequestParse({ request, setRequestParser }) {
      // Yoga checks this when it writes the answer, after a mutation has had its effect.
      if (!acceptsAnswer(request.headers.get('accept')))
        throw malformed('Expected `Accept` to allow `application/graphql-response+json` or `application/json`', 406)
      if (request.method === 'GET') {
        if (exposure.graphqlGet === 'preflight' && !hasPreflight(request))
          throw malformed('Expected the header `apollo-require-preflight` with an operation by GET, or POST')
        setRequestParser(readGetParams)
      }
      if (request.method !== 'POST') return
      if (!/^application\/(graphql\+)?json *(;|$)/i.test(request.headers.get('content-type') ?? ''))
        throw malformed('Expected `Content-Type: application/json`', 415)
      setRequestParser((posted) => readPostParams(posted, maxBodyBytes))
    },
    onParse({ setParseFn }) {
      setParseFn((source) => documents.parse(String(source)))
    },
    onValidate({ setValidationFn }) {
      setValidationFn((_schema, document) => documents.validate(document))
    },
    async onExecute({ args, setResultAndStopExecution }) {
      const refusal = await refuseToRun(args, args.contextValue)
      if (refusal !== undefined) setResultAndStopExecution({ errors: [refusal] })
    },
    async onSubscribe({ args, setSubscribeFn, setResultAndStopExecution }) {
      const refusal =
        refuseSubscription(args.contextValue, args.document) ?? (await refuseToRun(args, args.contextValue))
      if (refusal !== undefined) return setResultAndStopExecution({ errors: [refusal] })
      const { requestContext } = args.contextValue
      const leave = streams.takePlace(requestContext)
      if (isForGuard(args)) {
        guardRequests.add(requestContext)
        setSubscribeFn(subscribeForGuard)
      }
      return {
        onSubscribeResult: ({ result, setResult }) => {
          if (!isAsyncIterable(result)) return leave()
          const results = endWithError(result, { present, leave })
          endOnAbort(requestContext.signal, results)
          setResult(results)
        },
      }
    },
    onResultProcess({ result, setResult, resultProcessor, setResultProcessor, serverContext }) {
      // The client accepts no type in which this result can be written, so the result is an error, of status 406. Yoga
      // would send it without a body. RFC 9110 §12.4.1 allows to answer as if there were no `Accept`: in plain JSON.
      if (resultProcessor === undefined) setResultProcessor(processRegularResult, 'application/json')
      else if (isAsyncIterable(result) && guardRequests.has(serverContext.requestContext))
        setResultProcessor(writeGuardStream, 'text/event-stream')
      if ('errors' in result && result.errors !== undefined)
        setResult({ ...result, errors: result.errors.map(presentUnlessFinal) })
    },
  }

  /** Undefined for an operation that its caller can afford. */
  async function refuseToRun(
    { document, operationName, variableValues }: ExecutionArgs,
    { caller, requestContext }: GraphContext & ServerContext,
  ): Promise<GraphQLError | undefined> {
    noteOperation(requestContext, document, operationName)
    const { cost, readsSchema, refusal } = documents.assess({
      document,
      operationName,
      variables: variableValues ?? {},
    })
    try {
      if (readsSchema) assertMayReadSchema(exposure.introspection, caller)
      if (refusal !== undefined) return refusal
      await limits.charge(caller, requestContext, cost)
      return undefined
    } catch (error) {
      return error instanceof Error ? new GraphQLError(error.message, { originalError: error }) : present(error)
    }
  }
}

/** Undefined for a subscription whose stream may be opened. */
function refuseSubscription(
  { request, isHead = false }: Pick<ServerContext, 'isHead'> & { readonly request: Request },
  document: DocumentNode,
): GraphQLError | undefined {
  // Yoga would check this when it writes the answer, and leave an open stream behind that has no reader.
  if (!acceptsStream(request.headers.get('accept')))
    return malformed('Expected `Accept: text/event-stream` for a subscription', 406)
  if (hasConditionalRoot(document))
    return malformed('Expected the field of a subscription without `@skip` and `@include`')
  // Only a stream that was opened shows what GET would answer, so HEAD is refused rather than answered by a guess.
  if (isHead) return malformed('Expected GET or POST for a subscription, got HEAD', 405, { allow: 'GET, POST' })
  return undefined
}

/**
 * Whether a subscription's root field has `@skip` or `@include`. GraphQL's newest edition refuses that, graphql-js does
 * not yet: if the only field is skipped there is nothing to subscribe to, and its executor fails.
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

/** Whether the client accepts any of the types that Yoga can write. Yoga writes UTF-8 and ignores `q`. */
function acceptsAnswer(accept: string | null): boolean {
  return (accept || '*/*').toLowerCase().split(',').some(isWritable)
}

function acceptsStream(accept: string | null): boolean {
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
