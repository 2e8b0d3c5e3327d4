import { isShowable } from '../../tokens/shown-name.ts'
import { countMembers, isObject, readJson, readText } from '../body.ts'
import { badRequest, ElasticsearchError } from './error.ts'

/** Every route of Elasticsearch accepts these. Only `pretty` has an effect here: no stack trace is ever shown. */
const commonParameters = new Set(['pretty', 'human', 'error_trace', 'filter_path', 'format'])

/**
 * Refuses unknown parameters of the query, as `readFields` does for the body: client 8 puts an unknown parameter into
 * the query, client 9 into the body, and a misspelt `realm_name` must never be ignored.
 *
 * @throws ElasticsearchError
 */
export function assertKnownParameters({ url }: Request): void {
  const { pathname, searchParams } = new URL(url)
  const unknown = [...new Set(searchParams.keys())].filter((name) => !commonParameters.has(name))
  if (unknown.length === 0) return
  const list = unknown.map((name) => `[${nameForMessage(name)}]`).join(', ')
  throw badRequest(
    'illegal_argument_exception',
    `request [${pathname}] contains unrecognized parameter${unknown.length > 1 ? 's' : ''}: ${list}`,
  )
}

/**
 * Reads the fields of a body: a JSON object of strings with these names, all of them optional.
 *
 * @param parser what Elasticsearch calls the request in its messages
 * @throws ElasticsearchError, UnreadableRequest
 */
export async function readFields<Name extends string>(
  request: Request,
  parser: string,
  names: readonly Name[],
): Promise<Readonly<Partial<Record<Name, string>>>> {
  const text = await readText(request)
  if (text.trim() === '') throw badRequest('parse_exception', 'request body is required')
  assertJson(request)
  const body = readJson<unknown>(text, 'body')
  if (!isObject(body)) throw malformed(`[${parser}] Expected START_OBJECT but was: ${kindOf(body)}`)
  const isKnown = (name: string): name is Name => names.some((known) => known === name)
  const fields: Partial<Record<Name, string>> = {}
  for (const [name, value] of Object.entries(body)) {
    if (!isKnown(name)) throw malformed(`[${parser}] unknown field [${nameForMessage(name)}]`)
    if (typeof value !== 'string')
      throw malformed(`[${parser}] ${name} doesn't support values of type: ${kindOf(value)}`)
    fields[name] = value
  }
  if (countMembers(text) > Object.keys(fields).length) throw malformed(`[${parser}] Duplicate field`)
  return fields
}

function assertJson({ headers }: Request): void {
  const [type = ''] = (headers.get('content-type') ?? '').toLowerCase().split(';')
  if (/^application\/(vnd\.elasticsearch\+)?json *$/.test(type)) return
  const found = type === '' ? 'is missing' : 'is not supported'
  throw new ElasticsearchError(406, {
    type: 'media_type_header_exception',
    reason: `Content-Type header ${found}: expected [application/json] or [application/vnd.elasticsearch+json]`,
  })
}

/** The name that Elasticsearch gives to a kind of JSON value. */
function kindOf(value: unknown): string {
  if (value === null) return 'VALUE_NULL'
  if (Array.isArray(value)) return 'START_ARRAY'
  return typeof value === 'object' ? 'START_OBJECT' : `VALUE_${(typeof value).toUpperCase()}`
}

function malformed(reason: string) {
  return badRequest('x_content_parse_exception', reason)
}

/** A name that a client sent is repeated in the message, so that it can be found, unless it may be a secret. */
function nameForMessage(name: string): string {
  return isShowable(name) ? name : '…'
}
