import { Client as Client6, errors as errors6 } from 'elasticsearch-6'
import { Client as Client7, errors as errors7 } from 'elasticsearch-7'
import { Client as Client8, errors as errors8 } from 'elasticsearch-8'
import { Client as Client9, errors as errors9 } from 'elasticsearch-9'
import { basic } from './basic.ts'

/** What a call resolves to when the client is asked for its `meta`. */
export interface ClientAnswer {
  readonly statusCode: number | null | undefined
  readonly body: unknown
  readonly warnings: readonly string[] | null
}

interface CallOptions {
  /** Status codes that resolve instead of reject. Kibana does this for tokens that are gone. */
  readonly ignore?: number[]
}

/** An official Elasticsearch client. The calls of the token service have the same names for all versions. */
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
  /** The class of the error that it throws for status 400 and above. */
  readonly ResponseError: new (
    ...parameters: never[]
  ) => Error
  /** The class of the error that it throws for an invalid call, before it sends a request. */
  readonly ConfigurationError: new (
    ...parameters: never[]
  ) => Error
}

/** Clients 6 and 7 have no `auth` option for a bearer token, so their header is set by hand. */
function headersFor(auth: ClientAuth | undefined): Readonly<Record<string, string>> {
  if (auth === undefined) return {}
  if ('bearer' in auth) return { authorization: `Bearer ${auth.bearer}` }
  if ('apiKey' in auth) return { authorization: `ApiKey ${auth.apiKey}` }
  return { authorization: basic(auth.username, auth.password) }
}

/** The types of clients 6 and 7 reject a missing body; the tests check that the clients themselves reject it. */
const unchecked = (body: Readonly<Record<string, unknown>> | undefined) => ({
  body: body as Readonly<Record<string, unknown>>,
})
const noWarnings = <Answer extends object>(answer: Answer) => ({ warnings: null, ...answer })

export const elasticsearchVersions: readonly ElasticsearchVersion[] = [
  {
    version: 6,
    // Its `compression` sends the body of a DELETE without a length, so no server can tell where the body ends. So this
    // client only asks for compressed answers.
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
