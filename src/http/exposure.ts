import { assertScope, type Caller } from '../tokens/caller.ts'

/** What the service shows to whom. In production less is shown, unless a setting says otherwise. */
export interface Exposure {
  /** Whether the page GraphiQL is served. It contains the schema. */
  readonly graphiql: boolean
  /**
   * Who may read the schema: by introspection, or as a composer by `_service`. `managers` are callers with
   * `manage_token`. To all others no message then suggests a name of the schema.
   */
  readonly introspection: 'everyone' | 'managers'
  /**
   * Which requests by GET may run an operation. `preflight`: those with a header that a page of another site cannot send
   * without being allowed to (CORS), so that no image and no link runs one.
   */
  readonly graphqlGet: 'any' | 'preflight'
}

/** For a laptop: everything is shown. */
export const openExposure: Exposure = { graphiql: true, introspection: 'everyone', graphqlGet: 'any' }
/** For a service that strangers reach. */
export const productionExposure: Exposure = { graphiql: false, introspection: 'managers', graphqlGet: 'preflight' }

/** @throws TokenServiceError ERR_UNAUTHENTICATED, ERR_FORBIDDEN */
export function assertMayReadSchema(introspection: Exposure['introspection'], caller: Caller): void {
  if (introspection === 'managers') assertScope(caller, 'manage_token', 'read the schema')
}

/** Apollo's clients and gateways send the one or the other, and its servers accept both. */
const preflightHeaders = ['apollo-require-preflight', 'x-apollo-operation-name'] as const

/** Whether a page of another site cannot have sent this request, unless CORS allows it. */
export function hasPreflight({ headers }: Request): boolean {
  return preflightHeaders.some((name) => headers.has(name))
}
