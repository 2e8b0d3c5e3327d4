import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
  parse,
  validate,
} from 'graphql'
import { type Estimate, estimate, refuseEstimate } from '../../graph/cost.ts'

/**
 * The most lexical tokens that a document may have; GraphiQL's introspection has some 300. The limit also bounds depth
 * and aliases, before anything recurses.
 */
const maxTokens = 1000

/** A document with more faults is not read to its end. */
const maxErrors = 5

/** Parses, validates and prices documents. Keeps those that clients repeat. */
export interface Documents {
  /** @throws GraphQLError a syntax error */
  parse(text: string): DocumentNode
  /** Why a document that was parsed here is not valid for the schema; empty if it is. */
  validate(document: DocumentNode): readonly GraphQLError[]
  /** What a valid operation may cost with these variables, and why it is not run if that is too much. */
  assess(request: OperationRequest): Assessment
}

interface Assessment {
  readonly cost: number
  /** Whether it reads the schema, by introspection or as a composer. */
  readonly readsSchema: boolean
  readonly refusal: GraphQLError | undefined
}

interface OperationRequest {
  readonly document: DocumentNode
  readonly operationName?: string | null | undefined
  readonly variables: Readonly<Record<string, unknown>>
}

export interface DocumentsOptions {
  readonly schema: GraphQLSchema
  /** The most that an operation may cost: see `graph/prices.ts`. */
  readonly maxCost: number
}

/** Unless another is set. 2,000 entities, or two pages of 20 within each other, cost a good half of it. */
export const defaultMaxCost = 10_000

/**
 * Strangers choose what is kept here, so it is bounded by its size. A document that is parsed takes far more memory
 * than its text: measured, 1,000 lexical tokens take 0.5 MB. Applications have a few dozen operations of about 100
 * lexical tokens.
 */
const maxKeptLength = 8 * 1024
/** Of all documents together: about 15 MB. */
const maxKeptTokens = 30_000

export function createDocuments({ schema, maxCost }: DocumentsOptions): Documents {
  const kept = new Map<string, Kept>()
  let keptTokens = 0
  const known = new WeakMap<DocumentNode, readonly GraphQLError[]>()
  const estimates = new WeakMap<OperationDefinitionNode, Estimate>()

  return {
    parse: (text) => {
      const again = kept.get(text)
      if (again !== undefined) return again.document
      const document = parse(text, { maxTokens })
      const tokens = unlinkTokens(document)
      if (mayKeep(text) && faultsOf(document).length === 0) keep(text, { document, tokens })
      return document
    },
    validate: faultsOf,
    assess: ({ document, operationName, variables }) => {
      const operation = getOperationAST(document, operationName)
      // The executor refuses it.
      if (operation == null) return { cost: 0, readsSchema: false, refusal: undefined }
      const estimated = estimates.get(operation) ?? estimateOnce({ document, operation }, variables)
      return { ...estimated, refusal: refuseEstimate(estimated, maxCost) }
    },
  }

  function faultsOf(document: DocumentNode): readonly GraphQLError[] {
    const faults = known.get(document) ?? validate(schema, document, undefined, { maxErrors })
    known.set(document, faults)
    return faults
  }

  function estimateOnce(asked: Parameters<typeof estimate>[1], variables: OperationRequest['variables']): Estimate {
    const estimated = estimate(schema, asked, variables)
    if (estimated.isFixed) estimates.set(asked.operation, estimated)
    return estimated
  }

  function keep(text: string, document: Kept): void {
    for (const [oldest, { tokens }] of kept) {
      if (keptTokens + document.tokens <= maxKeptTokens) break
      kept.delete(oldest)
      keptTokens -= tokens
    }
    if (keptTokens + document.tokens > maxKeptTokens) return
    kept.set(text, document)
    keptTokens += document.tokens
  }
}

interface Kept {
  readonly document: DocumentNode
  readonly tokens: number
}

/** A literal string may be a token, which must not be kept. */
function mayKeep(text: string): boolean {
  return text.length <= maxKeptLength && !text.includes('"')
}

/**
 * Takes the lexical tokens of a document apart, and answers how many there are. The parser links each to the next, and
 * among them are comments, whose number it does not limit: two bytes of comment would keep 88 bytes of memory.
 */
function unlinkTokens({ loc }: DocumentNode): number {
  let count = 0
  for (let token = loc?.startToken ?? null; token !== null; count++) {
    const { next } = token
    Object.assign(token, { prev: null, next: null })
    token = next
  }
  return count
}
