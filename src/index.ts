/**
 * The package entry of invalidate-token as a module. It can be used at three levels: the operations on tokens
 * (`createTokens`), a fetch handler to mount in any server (`createHandler`), and the whole service (`startService`).
 */
export { type Config, readConfig } from './config.ts'
export { type EmitEvent, type EventLevel, type EventName, events, type ServiceEvent } from './events/events.ts'
export type { OptionalDirective } from './graph/optional-directives.ts'
export { createSchema, createSdl, type SchemaOptions } from './graph/schema.ts'
export type { Admit, Refusal, RequestFacts } from './http/admission.ts'
export type { AuthenticatedUser, AuthenticatePassword } from './http/elasticsearch/grants.ts'
export { createHandler, type Handler, type HandlerDependencies, type MountedRequest } from './http/handler.ts'
export { type Service, type ServiceOptions, startService } from './service.ts'
export { createClientStore } from './storage/client-store.ts'
export type { Database, DatabaseLocation } from './storage/engine/database.ts'
export { openDatabase } from './storage/engine/open.ts'
export { createFailureCounts } from './storage/failure-counts.ts'
export { deleteExpired, startRetention } from './storage/retention.ts'
export { createRevocationLog } from './storage/revocation-log.ts'
export { createTokenStore } from './storage/token-store.ts'
export type { Credentials } from './tokens/authenticate.ts'
export { type ActiveToken, anonymous, type Caller, type ServiceScope } from './tokens/caller.ts'
export type {
  ClientChange,
  ClientChangeAnswer,
  ClientChangeBy,
  ClientRefusal,
  ClientStore,
  ClientsQuery,
  EndedTokens,
} from './tokens/client-store.ts'
export type {
  ClientAnswer,
  ClientRequest,
  ClientsRequest,
  ClientVerbs,
  EndSessionsRequest,
  NewClientRequest,
  NewSecretRequest,
  RotateClientSecretRequest,
} from './tokens/client-verbs.ts'
export {
  type Client,
  digestClientSecret,
  type ListedClient,
  mintClientSecret,
  type StoredClient,
} from './tokens/clients.ts'
export type { InvalidationCounts, ListableScope, Revocation, SweepScope } from './tokens/coverage.ts'
export type { TokensDependencies } from './tokens/dependencies.ts'
export { type ErrorCode, TokenServiceError } from './tokens/errors.ts'
export type { FailureCount, FailureCounts } from './tokens/failure-counts.ts'
export { BadInputError, type InputFault, type InputField } from './tokens/input-fault.ts'
export type { Introspection } from './tokens/introspect.ts'
export type {
  InvalidationAnswer,
  InvalidationError,
  InvalidationOptions,
  InvalidationTarget,
} from './tokens/invalidate.ts'
export type { InvalidationReason } from './tokens/invalidation-reasons.ts'
export type { IssueRequest } from './tokens/issue.ts'
export type { FeedEvent } from './tokens/live/subscriptions.ts'
export type { Owner, OwnerScope } from './tokens/owner.ts'
export type { IssuedPair, Lifetimes } from './tokens/pair.ts'
export type { RefreshAnswer, RefreshRefusal, RefreshTerms, TermsNotMet } from './tokens/refresh.ts'
export type { LogPage, RevocationLog } from './tokens/revocation-log.ts'
export type { RevocationsRequest } from './tokens/revocations.ts'
export type { SessionsRequest } from './tokens/sessions.ts'
export type { Device, Session, StoredSession, TokenStore } from './tokens/store.ts'
export { createTokens, type Tokens } from './tokens/tokens.ts'
