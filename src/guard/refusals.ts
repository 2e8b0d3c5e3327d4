import type { InvalidVerdict, Refusal, UnsureVerdict } from './api.ts'

/** Why a request is refused, in the words of an error. */
interface RefusalReason {
  readonly status: 401 | 503
  readonly code: string
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
}

/** RFC 6750 §3: `error` only if a token was sent. */
const missing: RefusalReason = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'An access token is needed.',
  headers: { 'www-authenticate': 'Bearer' },
}

const invalid: RefusalReason = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'The access token is not valid.',
  headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
}

const unsureMessages = {
  REVOCATION_STATE_STALE: 'Whether the access token is still valid is not known at the moment. Try again.',
  SERVICE_UNAVAILABLE: 'The token service does not answer at the moment. Try again.',
} as const satisfies Record<UnsureVerdict['code'], string>

/** `missing`: a token is needed, and none was sent. */
export function reasonOf(verdict: InvalidVerdict | UnsureVerdict | 'missing'): RefusalReason {
  if (verdict === 'missing') return missing
  if (verdict.outcome === 'invalid') return invalid
  const { code, retryAfterSeconds } = verdict
  return { status: 503, code, message: unsureMessages[code], headers: { 'retry-after': String(retryAfterSeconds) } }
}

export function refusalOf(verdict: InvalidVerdict | UnsureVerdict): Refusal {
  const { status, code, message, headers } = reasonOf(verdict)
  return { ok: false, status, headers, body: { errors: [{ message, extensions: { code } }] } }
}

/**
 * The access token in a header `Authorization`. Undefined if there is none: no header, or another scheme, which is for
 * somebody else. No expression that goes back and forth: the text may be long, and comes from a stranger.
 */
export function readBearer(authorization: string | null | undefined): string | undefined {
  const scheme = 'bearer'
  if (authorization?.slice(0, scheme.length).toLowerCase() !== scheme) return undefined
  const rest = authorization.slice(scheme.length)
  return /^\w/.test(rest) ? undefined : rest.trim()
}
