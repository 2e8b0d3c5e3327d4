import type { Contender } from '../contender.ts'
import { createHttpContender, type HttpContender } from '../load/http-contender.ts'
import { lazy, type Stage } from '../stage.ts'
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
import { startOurs } from './service.ts'

const connections = 64
/** Introspected, and therefore not to be ended. */
const kept = 20_000

type Verb =
  | 'invalidate'
  | 'invalidateAsOwner'
  | 'invalidateSession'
  | 'introspect'
  | 'issue'
  | 'refresh'
  | 'oauthRevoke'
  | 'oauthIntrospect'

/** Our verbs under load, all on one service and one database. */
export function createVerbs(stage: Stage, databases: TokenDatabases): Readonly<Record<Verb, Contender>> {
  const { pairs } = stage.options
  const opened = lazy(async () => {
    const database = await databases.copy('verbs', pairs)
    const server = await startOurs(stage, database.url)
    const toEnd = takeFrom(database.accessTokens.slice(kept))
    return { ...database, server, toEnd, toRefresh: takeFrom(database.refreshTokens.toReversed()) }
  })
  const contender = (name: string, requests: HttpContender['requests']) =>
    createHttpContender(stage, {
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
      return introspections(server, accessTokens.slice(0, kept))
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
      return oauthIntrospections(server, accessTokens.slice(0, kept))
    }),
  }
}
