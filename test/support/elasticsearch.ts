import { Client as Client6, errors as errors6 } from 'elasticsearch-6'
import { Client as Client7, errors as errors7 } from 'elasticsearch-7'
import { Client as Client8, errors as errors8 } from 'elasticsearch-8'
import { Client as Client9, errors as errors9 } from 'elasticsearch-9'

/** What a client answers with its `meta`. */
export interface ClientAnswer {
  readonly statusCode: number | null | undefined
  readonly body: unknown
  readonly warnings: readonly string[] | null
}

/** A status that is an answer to this caller, and not an error: Kibana's way with tokens that are gone. */
interface CallOptions {
  readonly ignore?: number[]
}

/** One of Elasticsearch's official clients, with the verbs of the token service under one name for all versions. */
export interface ElasticsearchClient {
  invalidateToken(body: Readonly<Record<string, unknown>> | undefined, options?: CallOptions): Promise<ClientAnswer>
  getToken(body: Readonly<Record<string, unknown>>): Promise<ClientAnswer>
  authenticate(): Promise<ClientAnswer>
  close(): Promise<void>
}

export type ClientAuth =
  | { readonly username: string; readonly password: string }
  | { readonly bearer: string }
  | { readonly apiKey: string }

export interface ClientOptions {
  readonly node: string
  readonly auth?: ClientAuth | undefined
  readonly compression?: boolean
}

export interface ElasticsearchVersion {
  readonly version: 6 | 7 | 8 | 9
  connect(options: ClientOptions): ElasticsearchClient
  /** The class of what it throws for an answer of 400 and more. */
  readonly ResponseError: new (
    ...given: never[]
  ) => Error
  /** What it throws at a call that makes no sense to it, before it asks anybody. */
  readonly ConfigurationError: new (
    ...given: never[]
  ) => Error
}

/** Clients 6 and 7 put a token of their own into a header by hand: their `auth` knows no bearer. */
function headersFor(auth: ClientAuth | undefined): Readonly<Record<string, string>> {
  if (auth === undefined) return {}
  if ('bearer' in auth) return { authorization: `Bearer ${auth.bearer}` }
  if ('apiKey' in auth) return { authorization: `ApiKey ${auth.apiKey}` }
  return { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` }
}

/** The types of 6 and 7 refuse what the clients are to refuse themselves. */
const unchecked = (body: Readonly<Record<string, unknown>> | undefined) => ({
  body: body as Readonly<Record<string, unknown>>,
})
const noWarnings = <Answer extends object>(answer: Answer) => ({ warnings: null, ...answer })

export const elasticsearchVersions: readonly ElasticsearchVersion[] = [
  {
    version: 6,
    // Its `compression` sends the body of a DELETE without a length, so no server can tell where the body ends. What is
    // left of it is to ask for compressed answers.
    connect({ node, auth, compression = false }) {
      const client = new Client6({ node, headers: headersFor(auth), suggestCompression: compression })
      return {
        invalidateToken: (body, options = {}) =>
          client.xpack.security.invalidateToken(unchecked(body), options).then(noWarnings),
        getToken: (body) => client.xpack.security.getToken({ body }).then(noWarnings),
        authenticate: () => client.xpack.security.authenticate().then(noWarnings),
        close: async () => client.close(),
      }
    },
    ResponseError: errors6.ResponseError,
    ConfigurationError: errors6.ConfigurationError,
  },
  {
    version: 7,
    connect({ node, auth, compression = false }) {
      const client = new Client7({
        node,
        headers: headersFor(auth),
        ...(compression && { compression: 'gzip', suggestCompression: true }),
      })
      return {
        invalidateToken: (body, options = {}) =>
          client.security.invalidateToken(unchecked(body), options).then(noWarnings),
        getToken: (body) => client.security.getToken({ body }).then(noWarnings),
        authenticate: () => client.security.authenticate().then(noWarnings),
        close: async () => client.close(),
      }
    },
    ResponseError: errors7.ResponseError,
    ConfigurationError: errors7.ConfigurationError,
  },
  {
    version: 8,
    connect({ node, auth, compression = false }) {
      const client = new Client8({ node, compression, ...(auth && { auth }) })
      return {
        invalidateToken: (body, options) => client.security.invalidateToken(body, { ...options, meta: true }),
        getToken: (body) => client.security.getToken(body, { meta: true }),
        authenticate: () => client.security.authenticate({}, { meta: true }),
        close: () => client.close(),
      }
    },
    ResponseError: errors8.ResponseError,
    ConfigurationError: errors8.ConfigurationError,
  },
  {
    version: 9,
    connect({ node, auth, compression = false }) {
      const client = new Client9({ node, compression, ...(auth && { auth }) })
      return {
        invalidateToken: (body, options) => client.security.invalidateToken(body, { ...options, meta: true }),
        getToken: (body) => client.security.getToken(body, { meta: true }),
        authenticate: () => client.security.authenticate({}, { meta: true }),
        close: () => client.close(),
      }
    },
    ResponseError: errors9.ResponseError,
    ConfigurationError: errors9.ConfigurationError,
  },
]
