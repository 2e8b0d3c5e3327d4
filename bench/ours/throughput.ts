import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { createHttpContender, type HttpContender } from '../load/http-contender.ts'
import type { TokenDatabases } from './databases.ts'
import {
  appendingTo,
  introspections,
  invalidations,
  issues,
  oauthIntrospections,
  oauthRevocations,
  refreshes,
  sessionInvalidations,
  takeFrom,
} from './requests.ts'
import { startService } from './service.ts'

const connections = 64
/** The first tokens are introspected, so they must not be ended. */
const introspected = 20_000

type Verb =
  | 'invalidate'
  | 'invalidateAsOwner'
  | 'invalidateSession'
  | 'introspect'
  | 'issue'
  | 'refresh'
  | 'oauthRevoke'
  | 'oauthIntrospect'

/** The service's verbs under load, all on one service and one database. */
export function createVerbs(context: BenchContext, databases: TokenDatabases): Readonly<Record<Verb, Contender>> {
  const { pairs } = context.options
  const opened = lazy(async () => {
    const database = await databases.create('verbs', pairs)
    const server = await startService(context, database.url, databases.build)
    const toEnd = takeFrom(database.accessTokens.slice(introspected))
    return { ...database, server, toEnd, toRefresh: takeFrom(database.refreshTokens.toReversed()) }
  })
  const contender = (name: string, requests: HttpContender['requests']) =>
    createHttpContender(context, {
      name,
      connections,
      requests,
      server: async () => (await opened()).server,
      mostPerSecond: 12_000,
    })
  const ending = (caller: 'anonymous' | 'owner'): HttpContender['requests'] => {
    return async (server) => {
      const { client, toEnd } = await opened()
      return appendingTo('revocations', client, invalidations(server, toEnd, caller))
    }
  }
  return {
    invalidate: contender('invalidateToken', ending('anonymous')),
    invalidateAsOwner: contender('invalidateToken as owner', ending('owner')),
    invalidateSession: contender('invalidateToken, wholeSession', async (server) => {
      const { client, toRefresh } = await opened()
      return appendingTo('revocations', client, sessionInvalidations(server, toRefresh))
    }),
    introspect: contender('introspectToken', async (server) => {
      const { accessTokens } = await opened()
      return introspections(server, accessTokens.slice(0, introspected))
    }),
    issue: contender('createTokenPair', async (server) => {
      const { client } = await opened()
      return appendingTo('token_pairs', client, issues(server))
    }),
    refresh: contender('refreshTokenPair', async (server) => {
      const { client, toRefresh } = await opened()
      return appendingTo('spent_refresh_tokens', client, refreshes(server, toRefresh))
    }),
    oauthRevoke: contender('/oauth2/revoke', async (server) => {
      const { client, toEnd } = await opened()
      return appendingTo('revocations', client, oauthRevocations(server, toEnd))
    }),
    oauthIntrospect: contender('/oauth2/introspect', async (server) => {
      const { accessTokens } = await opened()
      return oauthIntrospections(server, accessTokens.slice(0, introspected))
    }),
  }
}
