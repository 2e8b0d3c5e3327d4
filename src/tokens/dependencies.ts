import type { EmitEvent } from '../events/events.ts'
import type { Observer } from '../events/observer.ts'
import type { ClientStore } from './client-store.ts'
import type { Lifetimes } from './pair.ts'
import type { RevocationLog } from './revocation-log.ts'
import type { TokenStore } from './store.ts'

/** What the operations in this folder need from outside. */
export interface TokensDependencies {
  readonly store: TokenStore
  readonly log: RevocationLog
  readonly clients: ClientStore
  readonly lifetimes: Lifetimes
  /** Decides only what has expired. Order is decided by revisions, never by this clock. */
  readonly clock: () => Date
  /** Watches the feed. By default nothing is measured. */
  readonly observer?: Observer
  /** Receives the events of the subscriptions and of reuse. By default they are dropped. */
  readonly emit?: EmitEvent
}
