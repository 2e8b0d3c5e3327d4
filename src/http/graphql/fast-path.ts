import type { IncomingHttpHeaders } from 'node:http'
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
} from 'graphql'
import type { EmitEvent } from '../../events/events.ts'
import { graphContext } from '../../graph/builder.ts'
import { createErrorPresenter } from '../../graph/errors.ts'
import type { Caller } from '../../tokens/caller.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { answerHeaders } from '../answer-headers.ts'
import { isObject } from '../body.ts'
import { authenticateHeader } from '../credentials.ts'
import { assertMayReadSchema, type Exposure } from '../exposure.ts'
import type { RateLimits } from '../rate-limits.ts'
import type { RequestContext } from '../request-context.ts'
import type { Documents } from './documents.ts'
import { noteOperation } from './operation-name.ts'
import { withoutHttp } from './without-http.ts'

/**
 * The fast path serves the requests that make up the load: a plain POST of one operation with variables. It passes the
 * bytes to graphql-js and back, without the Request, the Response and Yoga's hooks, for a third of the CPU time.
 *
 * Its answer equals Yoga's byte for byte, or it gives none. Requests for which that is not certain in advance (another
 * media type, a browser's origin, a document that does not parse or validate, variables that do not fit) are left to
 * the full path, and nothing has been executed then. `test/engines/fast-path.test.ts` compares the two.
 */
export interface FastPath {
  /** Whether a POST to the GraphQL endpoint with these headers may take the fast path. */
  accepts(headers: IncomingHttpHeaders): boolean
  /** The answer; undefined if the request must take the full path after all. */
  answer(headers: IncomingHttpHeaders, body: Uint8Array, context: RequestContext): Promise<FastAnswer | undefined>
}

export interface FastAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface FastPathDependencies {
  readonly schema: GraphQLSchema
  readonly tokens: Tokens
  readonly documents: Documents
  readonly exposure: Exposure
  readonly maxBodyBytes: number
  readonly limits: RateLimits
  readonly emit: EmitEvent
}

/** The result of graphql-js, or what was thrown before it was called. */
interface Outcome {
  readonly data?: ExecutionResult['data']
  readonly errors?: readonly unknown[]
}

interface Params {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly operationName: string | undefined
}

export function createFastPath(dependencies: FastPathDependencies): FastPath {
  const { schema, tokens, limits, documents, exposure, maxBodyBytes, emit } = dependencies
  const { introspection } = exposure
  const present = createErrorPresenter(schema, emit, { suggests: introspection === 'everyone' })

  return { accepts: (headers) => accepts(headers, maxBodyBytes), answer }

  async function answer(
    headers: IncomingHttpHeaders,
    body: Uint8Array,
    context: RequestContext,
  ): Promise<FastAnswer | undefined> {
    const params = readParams(body)
    const document = params && readDocument(documents, params)
    if (params === undefined || document === undefined) return undefined
    const { variables } = params
    noteOperation(context, document)
    let caller: Caller
    try {
      caller = await authenticateHeader({ tokens, limits, context }, headers.authorization ?? null)
      const { cost, readsSchema, refusal } = documents.assess({ document, variables })
      if (readsSchema) assertMayReadSchema(introspection, caller)
      if (refusal !== undefined) throw refusal
      await limits.charge(caller, context, cost)
    } catch (error) {
      return write({ errors: [error] }, headers.accept)
    }
    const result = await execute({
      schema,
      document,
      variableValues: variables,
      contextValue: graphContext({ tokens, caller, request: context }),
    })
    // Without `data` the variables did not fit, and graphql-js has executed nothing.
    return result.data === undefined ? undefined : write(result, headers.accept)
  }

  function write(result: Outcome, accept: string | undefined): FastAnswer {
    const type = accept === graphqlType ? graphqlType : jsonType
    const headers: Record<string, string> = { 'content-type': `${type}; charset=utf-8`, ...answerHeaders }
    if (result.errors === undefined) return { status: 200, headers, body: JSON.stringify(result) }
    const errors = result.errors.map(present)
    const status = statusOf(errors, type, headers)
    return { status, headers, body: JSON.stringify({ ...result, errors: errors.map(withoutHttp) }) }
  }
}

const jsonType = 'application/json'
const graphqlType = 'application/graphql-response+json'
const acceptedTypes = new Set([undefined, '*/*', jsonType, graphqlType])

function accepts(headers: IncomingHttpHeaders, maxBodyBytes: number): boolean {
  const { accept, origin } = headers
  const length = headers['content-length']
  return (
    headers['content-type'] === jsonType &&
    length !== undefined &&
    Number(length) <= maxBodyBytes &&
    acceptedTypes.has(accept) &&
    origin === undefined &&
    headers['content-encoding'] === undefined
  )
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readParams(body: Uint8Array): Params | undefined {
  let params: unknown
  try {
    params = JSON.parse(utf8.decode(body))
  } catch {
    return undefined
  }
  if (!isObject(params)) return undefined
  const { query, variables, operationName, ...unknown } = params
  if (typeof query !== 'string' || Object.keys(unknown).length > 0) return undefined
  if (variables != null && !isObject(variables)) return undefined
  if (operationName != null && typeof operationName !== 'string') return undefined
  return { query, variables: variables ?? {}, operationName: operationName || undefined }
}

/** Undefined for a document that takes the full path, as one with a literal string does: those are not kept. */
function readDocument(documents: Documents, { query, operationName }: Params): DocumentNode | undefined {
  if (query.includes('"')) return undefined
  let document: DocumentNode
  try {
    document = documents.parse(query)
  } catch {
    // The full path parses it again, and answers the error.
    return undefined
  }
  const [operation, ...others] = document.definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION || others.length > 0) return undefined
  const isPlain = operation.operation !== 'subscription' && isNamed(operation, operationName)
  return isPlain && documents.validate(document).length === 0 ? document : undefined
}

function isNamed(operation: OperationDefinitionNode, name: string | undefined): boolean {
  return name === undefined || operation.name?.value === name
}

interface ErrorHttp {
  readonly status?: number
  readonly spec?: boolean
  readonly headers?: Readonly<Record<string, string>>
}

/** Answers the highest status of the errors, and adds all their headers to `headers`, as Yoga does. */
function statusOf(errors: readonly GraphQLError[], type: string, headers: Record<string, string>): number {
  let status = 0
  for (const { extensions } of errors) {
    const http: ErrorHttp = extensions['http'] ?? {}
    Object.assign(headers, http.headers)
    if (!(http.spec && type === jsonType)) status = Math.max(status, http.status ?? 0)
  }
  return status || 200
}
