/** The package entry of the guard: the part inside a gateway that refuses invalidated tokens. */
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
export { fromTokens } from './from-tokens.ts'
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
