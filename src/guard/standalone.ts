/** The entry of the package `invalidate-token-guard`: what runs in a gateway, apart from the service. */
export type {
  Admission,
  GraphQLErrorBody,
  Guard,
  GuardCounts,
  GuardOptions,
  GuardStatus,
  InvalidVerdict,
  Refusal,
  TokenEnd,
  UnsureVerdict,
  ValidVerdict,
  Verdict,
  VerifiedClaims,
} from './api.ts'
export type { GuardEvent, GuardState, ResetReason } from './events.ts'
export { fromService, type ServiceSourceOptions } from './from-service.ts'
export { createGuard } from './guard.ts'
export type { IntrospectedToken, KnownToken } from './known-token.ts'
export { type GuardSource, SourceError, type SourceEvent } from './source.ts'
export {
  type ExtractedToken,
  type ExtractTokenFunction,
  type TokenGuardPlugin,
  type TokenGuardPluginOptions,
  useTokenGuard,
} from './use-token-guard.ts'
