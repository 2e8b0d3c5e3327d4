import type { SourceError } from './source.ts'

export type GuardState = 'CATCHING_UP' | 'FOLLOWING' | 'STALE' | 'CLOSED'

/** Why a guard reads a snapshot again. `epoch`: the database is another one, so everything is forgotten before. */
export type ResetReason = 'epoch' | 'gap'

/** What a guard reports. It never holds a token, a secret or a name of an owner. */
export type GuardEvent =
  | { readonly name: 'state_changed'; readonly from: GuardState; readonly to: GuardState }
  | { readonly name: 'reset'; readonly reason: ResetReason }
  /** The connection to the service failed. Once until it is back. */
  | { readonly name: 'source_failed'; readonly kind: SourceError['kind']; readonly message: string }
  | { readonly name: 'source_restored' }
  /** The service refuses the guard's credentials. Tried again every 30 s; meanwhile tokens are answered 503. */
  | { readonly name: 'credentials_refused'; readonly message: string }
  /** The wall clock went back by more than 300 s. Tokens are judged by the new time from now on. */
  | { readonly name: 'clock_set_back' }
  /** With `whenStale: 'pass'`: the first token that was let through while stale. */
  | { readonly name: 'passing_while_stale' }
  /** A fault of this package, or of a callback. The check was answered 503. */
  | { readonly name: 'check_failed'; readonly error: unknown }
