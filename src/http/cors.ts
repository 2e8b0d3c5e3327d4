/** The origins whose pages may read answers: any, or those of a list. */
export type AllowedOrigins = '*' | readonly string[]

/**
 * Whether pages of this origin may read answers (CORS). Credentials of a browser are never involved: no cookie is read,
 * so a page can do only what the tokens that it has allow.
 */
export function isAllowedOrigin(allowed: AllowedOrigins, origin: string | null): boolean {
  return allowed === '*' || (origin !== null && allowed.includes(origin))
}
