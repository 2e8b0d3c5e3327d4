import type { VerifiedClaims } from '../../src/guard/api.ts'

/** What the process with the guards is started with. */
export interface Setup {
  readonly url: string
  readonly clientId: string
  readonly secret: string
  readonly guards: number
  /** Whether the service runs the document of the subscription for each event, as for any other subscription. */
  readonly isGeneral: boolean
}

export interface ToGateways {
  readonly claims: VerifiedClaims
}

/** Instants are of `process.hrtime.bigint`, which is one clock for all processes of a machine. */
export type FromGateways = 'ready' | 'watching' | { readonly endedAt: readonly string[] }
