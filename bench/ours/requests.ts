import type pg from 'pg'
import { writePost } from '../load/connection.ts'
import type { Requests } from '../load/http-contender.ts'
import type { Server } from '../load/server.ts'
import { asAdmin } from './service.ts'

/** Returns each token once, then undefined. */
export type TakeToken = () => string | undefined

const operations = {
  invalidate:
    'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { invalidatedTokens previouslyInvalidatedTokens errorCount } }',
  invalidateSession:
    'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input, options: { wholeSession: true }) { invalidatedTokens previouslyInvalidatedTokens errorCount } }',
  introspect:
    'query ($token: String!) { introspectToken(token: $token) { active realmName username scopes issuedAt expiresAt clientId } }',
  issue:
    'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { accessToken refreshToken tokenType expiresIn scopes } }',
  refresh:
    'mutation ($input: RefreshTokenPairInput!) { refreshTokenPair(input: $input) { ... on TokenPair { accessToken refreshToken tokenType expiresIn scopes } ... on RefreshTokenRejected { code } } }',
} as const

type Operation = keyof typeof operations

const formType = 'application/x-www-form-urlencoded'

const expectedInvalidation = (tokens: number) =>
  `{"data":{"invalidateToken":{"invalidatedTokens":${tokens},"previouslyInvalidatedTokens":0,"errorCount":0}}}`

/** Ends a live token. The caller is anonymous, or the owner, who authenticates with the same token as at a logout. */
export function invalidations(server: Server, take: TakeToken, caller: 'anonymous' | 'owner'): Requests {
  const write = writeOperation(server, 'invalidate')
  const expected = expectedInvalidation(1)
  return {
    next: () => {
      const token = take()
      if (token === undefined) return undefined
      return write({ input: { token } }, caller === 'owner' ? `Bearer ${token}` : undefined)
    },
    isExpected: ({ status, body }) => status === 200 && body === expected,
  }
}

/** Logs out: ends the session of a refresh token, which has only this one pair. */
export function sessionInvalidations(server: Server, take: TakeToken): Requests {
  const write = writeOperation(server, 'invalidateSession')
  const expected = expectedInvalidation(2)
  return {
    next: () => {
      const refreshToken = take()
      return refreshToken && write({ input: { refreshToken } })
    },
    isExpected: ({ status, body }) => status === 200 && body === expected,
  }
}

/** Introspects live tokens, each again and again. */
export function introspections(server: Server, tokens: readonly string[]): Requests {
  const write = writeOperation(server, 'introspect')
  let count = 0
  return {
    next: () => {
      const token = tokens[count++ % tokens.length]
      return token && write({ token }, asAdmin)
    },
    isExpected: ({ status, body }) =>
      status === 200 && body.startsWith('{"data":{"introspectToken":{"active":true,"realmName":"bench",'),
  }
}

/** The same through the OAuth endpoints (RFC 7009, RFC 7662), with the requests that node-oidc-provider gets. */
export function oauthRevocations(server: Server, take: TakeToken): Requests {
  const post = writePost(server.origin, '/oauth2/revoke', formType)
  return {
    next: () => {
      const token = take()
      return token && post(`token=${token}&token_type_hint=access_token`, asAdmin)
    },
    isExpected: ({ status, body }) => status === 200 && body === '',
  }
}

export function oauthIntrospections(server: Server, tokens: readonly string[]): Requests {
  const post = writePost(server.origin, '/oauth2/introspect', formType)
  let count = 0
  return {
    next: () => post(`token=${tokens[count++ % tokens.length]}&token_type_hint=access_token`, asAdmin),
    isExpected: ({ status, body }) => status === 200 && body.startsWith('{"active":true,'),
  }
}

/** Begins new sessions, for 10,000 usernames in turn. */
export function issues(server: Server): Requests {
  const write = writeOperation(server, 'issue')
  let count = 0
  return {
    next: () =>
      write({ input: { realmName: 'issued', username: `user-${count++ % 10_000}`, scopes: ['read'] } }, asAdmin),
    isExpected: ({ status, body }) =>
      status === 200 && /^{"data":{"createTokenPair":{"accessToken":"ita_[\w-]+","refreshToken":"itr_/.test(body),
  }
}

/** Spends a live refresh token. */
export function refreshes(server: Server, take: TakeToken): Requests {
  const write = writeOperation(server, 'refresh')
  return {
    next: () => {
      const refreshToken = take()
      return refreshToken && write({ input: { refreshToken } })
    },
    isExpected: ({ status, body }) =>
      status === 200 && /^{"data":{"refreshTokenPair":{"accessToken":"ita_[\w-]+","refreshToken":"itr_/.test(body),
  }
}

/** Also fails a round unless `table` has exactly one row more for each acknowledged request. */
export function appendingTo(table: string, client: pg.Client, requests: Requests): Requests {
  let before = 0
  const countRows = async () => {
    const { rows } = await client.query<{ count: string }>(`select count(*) from ${table}`)
    return Number(rows[0]?.count)
  }
  return {
    ...requests,
    begin: async () => {
      await requests.begin?.()
      before = await countRows()
    },
    verify: async (count) => {
      const added = (await countRows()) - before
      if (added !== count) throw new Error(`${count} requests were acknowledged and ${table} has ${added} rows more`)
    },
  }
}

export function takeFrom(tokens: readonly string[]): TakeToken {
  let count = 0
  return () => tokens[count++]
}

function writeOperation(server: Server, operation: Operation) {
  const post = writePost(server.origin, '/graphql', 'application/json')
  const query = JSON.stringify(operations[operation])
  return (variables: unknown, authorization?: string) =>
    post(`{"query":${query},"variables":${JSON.stringify(variables)}}`, authorization)
}

/** The body of an invalidation, for the echo. */
export const sampleBody = JSON.stringify({
  query: operations.invalidate,
  variables: { input: { token: `ita_${'x'.repeat(56)}` } },
})
