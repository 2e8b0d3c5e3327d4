import { tokenLookalike } from '../../tokens/token.ts'
import { countMembers, isObject, readJson, readText } from '../body.ts'
import { badRequest, ElasticsearchError } from './error.ts'

/** Taken by every route of Elasticsearch. Of these only `pretty` changes anything here: no stack is ever shown. */
const commonParameters = new Set(['pretty', 'human', 'error_trace', 'filter_path', 'format'])

/**
 * What is not known is refused, wherever it stands: client 8 puts an unknown parameter into the query, client 9 into the
 * body, and a misspelt `realm_name` must never be overlooked.
 *
 * @throws ElasticsearchError
 */
export function assertKnownParameters({ url }: Request): void {
  const { pathname, searchParams } = new URL(url)
  const strays = [...new Set(searchParams.keys())].filter((name) => !commonParameters.has(name))
  if (strays.length === 0) return
  const list = strays.map((name) => `[${repeatable(name)}]`).join(', ')
  throw badRequest(
    'illegal_argument_exception',
    `request [${pathname}] contains unrecognized parameter${strays.length > 1 ? 's' : ''}: ${list}`,
  )
}

/**
 * The fields of a body: a JSON object of strings with these names, each of them optional.
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
    if (!isKnown(name)) throw malformed(`[${parser}] unknown field [${repeatable(name)}]`)
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

/** As Elasticsearch names what stands in JSON. */
function kindOf(value: unknown): string {
  if (value === null) return 'VALUE_NULL'
  if (Array.isArray(value)) return 'START_ARRAY'
  return typeof value === 'object' ? 'START_OBJECT' : `VALUE_${(typeof value).toUpperCase()}`
}

function malformed(reason: string) {
  return badRequest('x_content_parse_exception', reason)
}

/** A stranger's name for something is repeated, so that it can be found; a token or an essay is not. */
function repeatable(name: string): string {
  return name.length > 64 || name.search(tokenLookalike) !== -1 ? '…' : name
}
