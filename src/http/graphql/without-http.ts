import type { GraphQLError } from 'graphql'

/** What is written of an error: without what it says of the head of its answer. */
export function withoutHttp(error: GraphQLError): unknown {
  const { http: _, ...extensions } = error.extensions
  return { ...error.toJSON(), extensions }
}
