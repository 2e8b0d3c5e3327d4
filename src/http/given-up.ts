import type { Refusal } from './admission.ts'
import { unavailable } from './elasticsearch/error.ts'

/**
 * The answer to a request that took too long, in the dialect of its path. It does not say whether the request had an
 * effect: repeating any request of this service is safe.
 */
export function answerGivenUp(target: string, message: string): Refusal {
  const description = `${message} Repeat it: that is safe.`
  if (target.startsWith('/graphql'))
    return json({ errors: [{ message: description, extensions: { code: 'SERVICE_UNAVAILABLE' } }] })
  if (target.startsWith('/oauth2/'))
    return json({ error: 'temporarily_unavailable', error_description: description }, { pragma: 'no-cache' })
  if (/^\/_(?:security|xpack)\//.test(target)) return json(unavailable().body, { 'x-elastic-product': 'Elasticsearch' })
  return json({ message: description })
}

/** A client that repeats a request at once would find the same load. */
function json(body: object, more: Refusal['headers'] = {}): Refusal {
  const headers = { 'content-type': 'application/json', 'retry-after': '1', ...more }
  return { status: 503, headers, body: JSON.stringify(body) }
}
