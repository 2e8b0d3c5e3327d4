/** RFC 6749 §5.1: no cache may keep an answer that may hold a token. */
export const answerHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const
