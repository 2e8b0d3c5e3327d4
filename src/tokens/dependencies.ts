import type { ClientStore } from './clients.ts'
import type { Lifetimes } from './pair.ts'
import type { RevocationLog } from './revocation-log.ts'
import type { TokenStore } from './store.ts'

/** What the verbs need from outside. */
export interface TokensDependencies {
  readonly store: TokenStore
  readonly log: RevocationLog
  readonly clients: ClientStore
  readonly lifetimes: Lifetimes
  /** Decides what has expired, never what came before what. */
  readonly clock: () => Date
}
