import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Guard, GuardOptions, InvalidVerdict, TokenEnd, UnsureVerdict, Verdict } from './api.ts'
import { stale } from './checks.ts'
import { EndingStream } from './ending-stream.ts'
import { createGuard } from './guard.ts'
import type { KnownToken } from './known-token.ts'
import { readBearer, reasonOf } from './refusals.ts'
import { background } from './timers.ts'

export interface TokenGuardPluginOptions {
  /**
   * What is refused, as in `@graphql-yoga/plugin-jwt`, but that a missing token passes by default: logging in and out
   * need none. An invalid one never passes by default.
   */
  readonly reject?: { readonly missingToken?: boolean; readonly invalidToken?: boolean }
  /**
   * Where the token is looked for, in turn. By default the header `Authorization: Bearer`, and then
   * `connectionParams.authorization` of a WebSocket. The functions of `@graphql-yoga/plugin-jwt` fit.
   */
  readonly tokenLookupLocations?: readonly ExtractTokenFunction[]
  /** Where the `KnownToken` stands in the context: `token` by default; false: nowhere. */
  readonly extendContext?: string | false
}

/** Finds the token of a request or of a WebSocket connection. */
export type ExtractTokenFunction = (
  // biome-ignore lint/suspicious/noExplicitAny: the functions of plugin-jwt expect the parameters of their own server
  params: any,
) => ExtractedToken | undefined | Promise<ExtractedToken | undefined>

export interface ExtractedToken {
  readonly token: string
  readonly prefix?: string | undefined
}

/** The hooks that Yoga and Hive Gateway call. Typed without either, so that neither is needed. */
export interface TokenGuardPlugin {
  onRequestParse(payload: {
    readonly request: Request
    readonly url?: URL
    readonly serverContext?: object
  }): Promise<void>
  onContextBuilding(payload: {
    // biome-ignore lint/suspicious/noExplicitAny: each server has its own context
    readonly context: any
    extendContext(extension: unknown): void
  }): Promise<void>
  onExecute(payload: Operation): void
  onSubscribe(payload: Operation): { onSubscribeResult(payload: SubscribeResult): void } | undefined
  onDispose(): Promise<void>
}

interface Operation {
  // biome-ignore lint/suspicious/noExplicitAny: each server has its own context
  readonly args: { readonly contextValue?: any }
  setResultAndStopExecution(result: unknown): void
}

interface SubscribeResult {
  readonly result: unknown
  setResult(result: unknown): void
}

/**
 * A plugin for GraphQL Yoga and Hive Gateway: refuses requests with an invalid token before their body is parsed, ends
 * subscriptions when their token ends, and puts what the token says into the context.
 *
 * Beside `useJWT` it comes after it, with `guard.checkClaims`: then it takes the claims that were verified.
 *
 * @example
 * createYoga({ schema, plugins: [useTokenGuard({ source: fromService({ url, clientId, secret }) })] })
 */
export function useTokenGuard(
  options: TokenGuardPluginOptions & (GuardOptions | { readonly guard: Guard }),
): TokenGuardPlugin {
  const { reject = {}, tokenLookupLocations = [fromHeader, fromConnectionParams], extendContext = 'token' } = options
  const { missingToken: rejectsMissing = false, invalidToken: rejectsInvalid = true } = reject
  const [guard, closeGuard] = 'guard' in options ? [options.guard, async () => {}] : ownGuard(options)
  const graphql = import('graphql')
  /** What was found about a request before its body was parsed. */
  const findings = new WeakMap<object, Finding>()
  /** In the context: each plugin of this kind has its own. */
  const key = Symbol('token guard')

  return {
    async onRequestParse({ request, url, serverContext }) {
      const finding = await find({ request, url, serverContext })
      findings.set(request, finding)
      const error = await errorOf(finding, true)
      if (error !== undefined) throw error
    },
    async onContextBuilding({ context, extendContext: extend }) {
      const finding = await findInContext(context)
      // What is refused here came by a connection: the answer goes to the operation, and the connection lives on.
      const guarded: Guarded = {
        finding,
        error: await errorOf(finding, context.request !== undefined),
        errors: await graphql,
      }
      const shown = extendContext !== false && isToken(finding) ? { [extendContext]: finding } : {}
      extend({ [key]: guarded, ...shown })
    },
    onExecute: (operation) => void refuseOperation(operation),
    onSubscribe(operation) {
      const { finding = 'missing', errors } = refuseOperation(operation) ?? {}
      if (errors === undefined || !isToken(finding)) return undefined
      return {
        onSubscribeResult({ result, setResult }) {
          if (!isStream(result)) return
          const stream = guardStream(finding, result, errors)
          // Yoga does not end a stream whose client has left before it was read.
          operation.args.contextValue?.request?.signal?.addEventListener('abort', () => void stream.return())
          setResult(stream)
        },
      }
    },
    onDispose: closeGuard,
  }

  async function find(place: Place): Promise<Finding> {
    for (const extract of tokenLookupLocations) {
      const found = await extract(place)
      if (typeof found?.token === 'string') return findingOf(await guard.check(found.token))
    }
    return 'missing'
  }

  /**
   * With `useJWT` before this plugin, its verified claims are taken. Of a request, the token was looked for before, and
   * without one it is a WebSocket.
   */
  function findInContext(
    context: Place & { readonly jwt?: { readonly payload?: object } },
  ): Promise<Finding> | Finding {
    const claims = context.jwt?.payload
    if (claims !== undefined) return findingOf(guard.checkClaims(claims))
    const known = context.request && findings.get(context.request)
    return known ?? find({ request: context.request, serverContext: context })
  }

  async function errorOf(finding: Finding, isHttp: boolean): Promise<GraphQLError | undefined> {
    if (isToken(finding) || (finding === 'missing' && !rejectsMissing)) return undefined
    if (finding !== 'missing' && finding.outcome === 'invalid' && !rejectsInvalid) return undefined
    return errorFor(finding, await graphql, isHttp)
  }

  /** Stops an operation that is refused. Answers what was found. */
  function refuseOperation({ args, setResultAndStopExecution }: Operation): Guarded | undefined {
    const guarded: Guarded | undefined = args.contextValue?.[key]
    if (guarded?.error !== undefined) setResultAndStopExecution({ errors: [guarded.error] })
    return guarded
  }

  /** The stream, ended with one last error when the token ends. While the guard knows too little, it passes nothing on. */
  function guardStream(token: KnownToken, results: AsyncIterable<ExecutionResult>, errors: ErrorClass) {
    const passed = whileSure(results, () => guard.recheck(token).outcome !== 'unsure')
    const stream = new EndingStream<ExecutionResult>(passed, () => unwatch())
    const unwatch = guard.watch(token, (reason) => stream.end({ errors: [errorFor(verdictOf(reason), errors, false)] }))
    return stream
  }
}

/** What was found about a request or a connection: a token, or why it has none. */
type Finding = KnownToken | InvalidVerdict | UnsureVerdict | 'missing'

interface Guarded {
  readonly finding: Finding
  readonly error: GraphQLError | undefined
  readonly errors: ErrorClass
}

/** Where a token is looked for. */
interface Place {
  readonly request?: Request | undefined
  readonly url?: URL | undefined
  readonly serverContext?: object | undefined
}

interface ErrorClass {
  readonly GraphQLError: typeof GraphQLError
}

function ownGuard(options: GuardOptions): readonly [Guard, () => Promise<void>] {
  const guard = createGuard(options)
  return [guard, () => guard.close()]
}

const fromHeader: ExtractTokenFunction = ({ request }: Place) => {
  const token = readBearer(request?.headers.get('authorization'))
  return token === undefined ? undefined : { token }
}

/** graphql-ws: `connectionParams: { authorization: 'Bearer …' }`. */
const fromConnectionParams: ExtractTokenFunction = ({ serverContext }: Place) => {
  if (serverContext === undefined || !('connectionParams' in serverContext)) return undefined
  const params = serverContext.connectionParams
  if (typeof params !== 'object' || params === null) return undefined
  const authorization = Object.entries(params).find(([name]) => name.toLowerCase() === 'authorization')?.[1]
  const token = typeof authorization === 'string' ? readBearer(authorization) : undefined
  return token === undefined ? undefined : { token }
}

function findingOf(verdict: Verdict): Finding {
  return verdict.outcome === 'valid' ? verdict.token : verdict
}

function isToken(finding: Finding): finding is KnownToken {
  return finding !== 'missing' && 'realmName' in finding
}

/** Over HTTP with RFC 6750 §3, by `extensions.http`, which Yoga and Hive Gateway write into the head of the answer. */
function errorFor(
  refused: InvalidVerdict | UnsureVerdict | 'missing',
  errors: ErrorClass,
  isHttp: boolean,
): GraphQLError {
  const { status, code, message, headers } = reasonOf(refused)
  return new errors.GraphQLError(message, { extensions: { code, ...(isHttp && { http: { status, headers } }) } })
}

function verdictOf(reason: TokenEnd): InvalidVerdict | UnsureVerdict {
  return reason === 'invalidated' || reason === 'expired' ? { outcome: 'invalid' } : stale
}

function isStream(result: unknown): result is AsyncIterable<ExecutionResult> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result
}

const recheckMs = 100

/** Holds each value back while it is not known whether its reader may have it. */
function whileSure<Value>(values: AsyncIterable<Value>, isSure: () => boolean): AsyncIterable<Value> {
  const iterator = values[Symbol.asyncIterator]()
  let isOver = false
  const held = async (step: IteratorResult<Value>): Promise<IteratorResult<Value>> => {
    while (!isSure() && !isOver) await new Promise((resolve) => background(setTimeout(resolve, recheckMs)))
    return step
  }
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => held(await iterator.next()),
      return: async () => {
        isOver = true
        return (await iterator.return?.()) ?? { done: true, value: undefined }
      },
    }),
  }
}
