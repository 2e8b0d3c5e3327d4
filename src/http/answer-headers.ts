/** RFC 6749 §5.1: no cache may keep an answer that may hold a token. */
export const answerHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

/** What a page of another origin may read beside a few common headers (CORS): how to authenticate, and when to ask again. */
export const exposedHeaders = ['WWW-Authenticate', 'Retry-After'] as const
