import { type RunningService, startProcess } from '../support/process.ts'
import type { Contestant, HandedOut, RaceTarget } from './contestant.ts'

const adminSecret = 'a-secret-for-races-of-32-characters'
const authorization = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`

/** A service process and the way to ask it. */
export interface HttpContestant extends Contestant {
  readonly service: RunningService
}

/** Starts the service in a process of its own on this database. */
export async function startContestant(databaseUrl: string): Promise<HttpContestant> {
  const service = await startProcess({ DATABASE_URL: databaseUrl, ADMIN_SECRET: adminSecret })
  return { service, ...createHttpContestant(service.url) }
}

const documents = {
  issue:
    'mutation Issue($input: CreateTokenPairInput!) { answer: createTokenPair(input: $input) { accessToken refreshToken } }',
  refresh: `mutation Refresh($input: RefreshTokenPairInput!) { answer: refreshTokenPair(input: $input) {
    ... on TokenPair { accessToken refreshToken } ... on RefreshTokenRejected { code } } }`,
  invalidate: `mutation Invalidate($input: InvalidateTokenInput!) { answer: invalidateToken(input: $input) {
    invalidatedTokens previouslyInvalidatedTokens errorCount } }`,
  introspect: 'query Introspect($token: String!) { answer: introspectToken(token: $token) { active } }',
}

interface PairAnswer {
  readonly accessToken: string
  readonly refreshToken: string
}

interface InvalidationAnswer {
  readonly invalidatedTokens: number
  readonly previouslyInvalidatedTokens: number
  readonly errorCount: number
}

/** Every answer but a plain one throws: what it did is then unknown. `fetch` keeps its connections alive. */
function createHttpContestant(url: string): Contestant {
  async function ask<Answer>(query: string, variables: unknown): Promise<Answer> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', authorization },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(20_000),
    })
    const text = await response.text()
    const { data, errors }: { data?: { answer: Answer }; errors?: unknown } = JSON.parse(text)
    if (response.status !== 200 || errors !== undefined || data === undefined)
      throw new Error(`${response.status} ${text}`)
    return data.answer
  }

  return {
    issue: async ({ realm, username }) =>
      handedOut(await ask<PairAnswer>(documents.issue, { input: { realmName: realm, username } })),
    refresh: async (refreshToken) => {
      const answer = await ask<PairAnswer | { readonly code: string }>(documents.refresh, { input: { refreshToken } })
      return 'code' in answer ? undefined : handedOut(answer)
    },
    invalidate: async (target) => {
      const answer = await ask<InvalidationAnswer>(documents.invalidate, { input: inputOf(target) })
      if (answer.errorCount !== 0) throw new Error(`${answer.errorCount} tokens could not be ended`)
      return { invalidated: answer.invalidatedTokens, previouslyInvalidated: answer.previouslyInvalidatedTokens }
    },
    isActive: async (token) => (await ask<{ readonly active: boolean }>(documents.introspect, { token })).active,
  }
}

function handedOut({ accessToken, refreshToken }: PairAnswer): HandedOut {
  return { access: accessToken, refresh: refreshToken }
}

function inputOf(target: RaceTarget): unknown {
  switch (target.kind) {
    case 'access-token':
      return { token: target.token }
    case 'refresh-token':
      return { refreshToken: target.token }
    case 'owner':
      return { owner: ownerOf(target.scope) }
    default:
      return target satisfies never
  }
}

function ownerOf(scope: Extract<RaceTarget, { kind: 'owner' }>['scope']): unknown {
  switch (scope.kind) {
    case 'realm':
      return { realmName: scope.realm }
    case 'username':
      return { username: scope.username }
    case 'realm-user':
      return { realmUser: { realmName: scope.realm, username: scope.username } }
    default:
      return scope satisfies never
  }
}
