import type { EmitEvent } from '../../events/events.ts'
import { answerHeaders } from '../answer-headers.ts'
import type { RequestContext, RouteHandler } from '../request-context.ts'
import { toElasticsearchError } from './error.ts'

/** What a verb answers, before it is written in the format that the client accepts. */
export interface Answer {
  readonly status: number
  readonly body: object
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
}

export type Verb = (request: Request, context: RequestContext) => Promise<Answer>

/**
 * Makes a route of a verb: it writes the verb's answer or error in the form that Elasticsearch's clients expect. They
 * check every success for `X-Elastic-Product`; without it they report an invalidation that has succeeded as failed.
 */
export function toElasticsearchRoute(verb: Verb, emit: EmitEvent): RouteHandler {
  return async (request, context) => {
    const answer = await verb(request, context).catch((error: unknown) => toElasticsearchError(error, emit))
    return write(answer, request)
  }
}

function write({ status, body, headers: given = {} }: Answer, request: Request): Response {
  const headers = new Headers({
    ...answerHeaders,
    'content-type': contentTypeFor(request),
    'x-elastic-product': 'Elasticsearch',
  })
  for (const [name, value] of Object.entries(given)) for (const one of [value].flat()) headers.append(name, one)
  return new Response(JSON.stringify(body, null, isPretty(request) ? 2 : undefined), { status, headers })
}

/** A client that accepts `compatible-with=8` is answered with 8: the body has been the same since 7. */
function contentTypeFor({ headers }: Request): string {
  const version = /application\/vnd\.elasticsearch\+json *; *compatible-with=(\d{1,2})/i.exec(
    headers.get('accept') ?? '',
  )
  return version ? `application/vnd.elasticsearch+json;compatible-with=${version[1]}` : 'application/json'
}

function isPretty({ url }: Request): boolean {
  const pretty = new URL(url).searchParams.get('pretty')
  return pretty === '' || pretty === 'true'
}
