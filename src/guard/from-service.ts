import { readBase64url } from './base64url.ts'
import { followDocument, introspectDocument } from './documents.ts'
import { readNextEvents } from './event-stream.ts'
import type { IntrospectedToken } from './known-token.ts'
import { type GuardSource, SourceError, type SourceEvent } from './source.ts'

export interface ServiceSourceOptions {
  /** The service's GraphQL endpoint: `https://tokens.internal/graphql`. */
  readonly url: string
  /** A client with the scopes `follow_revocations` and `introspect_token`, and no other. */
  readonly clientId: string
  /** Its secret, or a function that reads it anew for each connection and question. */
  readonly secret: string | (() => string | Promise<string>)
  /** Plain `http:` to another host than this one, as in a mesh that encrypts by itself. Refused by default. */
  readonly allowPlainHttp?: boolean
  /** By default the global `fetch`. */
  readonly fetch?: typeof fetch
}

/**
 * A guard's source over HTTP: the service in another process.
 *
 * @throws TypeError: the URL is not one, or would send the secret unencrypted to another host
 * @example
 * fromService({ url: 'https://tokens.internal/graphql', clientId: 'gateway', secret })
 */
export function fromService(options: ServiceSourceOptions): GuardSource {
  const url = readUrl(options)
  const { fetch: send = fetch } = options

  async function post(accept: string, body: object, signal: AbortSignal): Promise<Response> {
    const headers = { accept, 'content-type': 'application/json', authorization: await authorization(options) }
    const response = await send(url, { method: 'POST', headers, body: JSON.stringify(body), signal, redirect: 'error' })
    if (response.ok) return response
    await response.body?.cancel()
    throw faultOfStatus(response.status)
  }

  return {
    async *follow(after, signal) {
      const body = { query: followDocument, variables: { after: after ?? null } }
      const response = await reaching(() => post('text/event-stream', body, signal))
      if (response.body === null) throw new SourceError('unreadable', 'The service answered without a stream')
      for await (const data of readNextEvents(response.body)) yield readEvent(readAnswer(data)['revocationFeed'])
    },
    async introspect(token, signal) {
      const body = { query: introspectDocument, variables: { token } }
      const text = await reaching(async () => (await post('application/json', body, signal)).text())
      return readIntrospection(readAnswer(text)['introspectToken'])
    },
  }
}

function readUrl({ url, allowPlainHttp = false }: ServiceSourceOptions): string {
  const { protocol, hostname, username } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new TypeError(`Expected \`url\` to be of http, got ${protocol}`)
  if (username !== '') throw new TypeError('Expected `url` without a name and a password: pass `clientId` and `secret`')
  const isLocal = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
  if (protocol === 'http:' && !isLocal && !allowPlainHttp)
    throw new TypeError('Expected `url` to be https, as plain http would show the secret; or set `allowPlainHttp`')
  return url
}

/** RFC 7617. An id has no colon in it, and neither of both has characters beyond ASCII. */
async function authorization({ clientId, secret }: ServiceSourceOptions): Promise<string> {
  return `Basic ${btoa(`${clientId}:${typeof secret === 'string' ? secret : await secret()}`)}`
}

/** What `fetch` throws may name the URL and the cause, but nothing secret; it is kept out of messages all the same. */
async function reaching<Answer>(run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof SourceError) throw error
    throw new SourceError('unreachable', 'The service could not be reached', { cause: error })
  }
}

function faultOfStatus(status: number): SourceError {
  if (status === 401 || status === 403)
    return new SourceError('refused', `The service refused the credentials (${status})`)
  const kind = status === 429 || status >= 500 ? 'unreachable' : 'unreadable'
  return new SourceError(kind, `The service answered with status ${status}`)
}

type Fields = Readonly<Record<string, unknown>>

/** The data of a GraphQL answer. */
function readAnswer(text: string): Fields {
  const answer = parse(text)
  const { data, errors } = isFields(answer) ? answer : {}
  const [error] = Array.isArray(errors) ? errors : []
  if (error !== undefined) throw faultOfError(error)
  if (!isFields(data)) throw new SourceError('unreadable', 'The service answered something else than GraphQL')
  return data
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SourceError('unreadable', 'The service answered something else than JSON')
  }
}

function faultOfError(error: unknown): SourceError {
  const extensions = isFields(error) && isFields(error['extensions']) ? error['extensions'] : {}
  const code = String(extensions['code'])
  if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN')
    return new SourceError(
      'refused',
      `The service refused the guard's client (${code}): it needs the scopes follow_revocations and introspect_token`,
    )
  if (code === 'GRAPHQL_VALIDATION_FAILED')
    return new SourceError('unreadable', 'The service knows no guards: upgrade it')
  return new SourceError('unreachable', `The service answered the error ${code}`)
}

function readEvent(event: unknown): SourceEvent {
  const { cursor, epoch, block, arrivedAt, readAt, hasGap, isComplete } = isFields(event) ? event : {}
  const isRight =
    typeof cursor === 'string' &&
    typeof epoch === 'string' &&
    typeof readAt === 'number' &&
    typeof hasGap === 'boolean' &&
    typeof isComplete === 'boolean'
  if (!isRight) throw new SourceError('unreadable', 'The service sent an event that this version cannot read')
  return {
    cursor,
    epoch,
    block: typeof block === 'string' ? readBlock(block) : undefined,
    arrivedAt: typeof arrivedAt === 'number' ? arrivedAt : undefined,
    readAt,
    hasGap,
    isComplete,
  }
}

function readBlock(text: string): Uint8Array {
  try {
    return readBase64url(text)
  } catch {
    throw new SourceError('unreadable', 'The service sent a block that is not in base64url')
  }
}

function readIntrospection(found: unknown): IntrospectedToken | undefined {
  const { active, realmName, username, clientId, scopes, issuedAt, expiresAt, session } = isFields(found) ? found : {}
  if (active === false) return undefined
  const sessionId = isFields(session) ? session['id'] : undefined
  const [issued, expires] = [readInstant(issuedAt), readInstant(expiresAt)]
  const isRight =
    typeof realmName === 'string' &&
    typeof username === 'string' &&
    typeof clientId === 'string' &&
    typeof sessionId === 'string' &&
    Array.isArray(scopes)
  if (!isRight || issued === undefined || expires === undefined)
    throw new SourceError('unreadable', 'The service answered about a token in a way that this version cannot read')
  const names = scopes.filter((scope) => typeof scope === 'string')
  return { realmName, username, clientId, sessionId, scopes: names, issuedAt: issued, expiresAt: expires }
}

function readInstant(value: unknown): Date | undefined {
  const instant = new Date(typeof value === 'string' ? value : Number.NaN)
  return Number.isNaN(instant.getTime()) ? undefined : instant
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
