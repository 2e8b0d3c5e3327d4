/** What a valid access token says. */
export interface KnownToken {
  readonly realmName: string
  readonly username: string
  readonly sessionId: string
  readonly clientId: string
  /** Without the service's own scopes: those hold only at the service. */
  readonly scopes: readonly string[]
  readonly issuedAt: Date
  readonly expiresAt: Date
  /** `opaque` or `signed`. */
  readonly kind: 'opaque' | 'signed'
}

/** What the service answers about a valid token. Its scopes are all, with those of the service. */
export type IntrospectedToken = Omit<KnownToken, 'kind'>
