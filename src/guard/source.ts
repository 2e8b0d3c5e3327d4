import type { IntrospectedToken } from './known-token.ts'

/** Where a guard learns what was revoked, and asks about a token that it sees for the first time. */
export interface GuardSource {
  /**
   * The revocations after a cursor, or all that can matter, then everything that is appended, and heartbeats. Ends or
   * fails when the connection does, and when `signal` is aborted.
   *
   * @throws SourceError
   */
  follow(after: string | undefined, signal: AbortSignal): AsyncIterable<SourceEvent>
  /**
   * What an access token says; undefined if it is not valid now.
   *
   * @throws SourceError
   */
  introspect(token: string, signal: AbortSignal): Promise<IntrospectedToken | undefined>
}

/** An event of the service's `revocationFeed(forGuard: true)`. */
export interface SourceEvent {
  readonly cursor: string
  readonly epoch: string
  readonly block?: Uint8Array | undefined
  /** In ms, on a monotonic clock of the service. In the first event of a stream. */
  readonly arrivedAt?: number | undefined
  readonly readAt: number
  readonly hasGap: boolean
  readonly isComplete: boolean
}

/** Why a source does not answer. The message names no token, secret or user. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  /**
   * `refused`: the service does not accept the guard's own credentials, or they lack a scope. `unreadable`: it speaks a
   * version that this guard does not know. `unreachable`: anything else, which passes.
   */
  readonly kind: 'refused' | 'unreadable' | 'unreachable'

  constructor(kind: SourceError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
