/** RFC 6749 §5.1: no cache may keep an answer that may hold a token. */
export const answerHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

/** What a page of another origin may read beside a few common headers (CORS): how to authenticate, and when to ask again. */
export const exposedHeaders = ['WWW-Authenticate', 'Retry-After', 'X-Request-Id'] as const

/**
 * The headers of an answer with those that every answer has, whatever its way. A handler may decide otherwise about a
 * cache. The names become lower case, so that none is there twice.
 */
export function completeHeaders(headers: Readonly<Record<string, string>>, requestId: string): Record<string, string> {
  const complete: Record<string, string> = { ...answerHeaders, 'x-request-id': requestId }
  for (const name in headers) complete[name.toLowerCase()] = headers[name] ?? ''
  return complete
}

/** The same for an answer of the mounted handler. */
export function completeAnswer(answer: Response, requestId: string): Response {
  for (const [name, value] of Object.entries(answerHeaders))
    if (!answer.headers.has(name)) answer.headers.set(name, value)
  answer.headers.set('x-request-id', requestId)
  return answer
}
