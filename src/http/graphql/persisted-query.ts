import { GraphQLError } from 'graphql'
import { isObject } from '../body.ts'

/**
 * The answer to the hash of a document without the document. Clients with automatic persisted queries (APQ) send that
 * first. This service keeps no documents: an answer that its client understands makes the client send the document.
 *
 * There are two errors, because clients look for different ones, and each finds its own among several. Apollo Client,
 * urql and Apollo Router send no more hashes after `PersistedQueryNotSupported`; the router takes the first error that
 * it knows, so that one comes first. Apollo Gateway, Apollo iOS, Apollo Kotlin and the executor of Hive Gateway send
 * the document only after `PersistedQueryNotFound`.
 *
 * The status is 200 for every media type: Apollo Gateway and Apollo iOS read the errors of no other answer.
 */
export const persistedQueryErrors = [
  persistedQueryError('PersistedQueryNotSupported', 'PERSISTED_QUERY_NOT_SUPPORTED'),
  persistedQueryError('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND'),
] as const

/** The codes are Apollo's, which clients compare; `spec` would let the status depend on the media type. */
function persistedQueryError(message: string, code: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: 200 } } })
}

/** Whether these parameters hold the hash of a document, and no document. */
export function isHashAlone(params: unknown): boolean {
  if (!isObject(params) || (params['query'] ?? '') !== '') return false
  const { extensions } = params
  const persisted = isObject(extensions) ? extensions['persistedQuery'] : undefined
  return isObject(persisted) && typeof persisted['sha256Hash'] === 'string'
}

/** The answer to a list of hashes: a list as well, because a client that batches counts the answers. */
export function answerHashes(hashes: readonly unknown[]): Response {
  const errors = persistedQueryErrors.map(({ message, extensions: { code } }) => ({ message, extensions: { code } }))
  return Response.json(hashes.map(() => ({ errors })))
}
