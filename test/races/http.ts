import type { OwnerScope } from '../../src/tokens/owner.ts'
import { type RunningService, startProcess } from '../support/process.ts'
import type { Contestant, HandedOut, RaceTarget, WholeSession } from './contestant.ts'

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
  issue: `mutation Issue($input: CreateTokenPairInput!) { answer: createTokenPair(input: $input) {
    accessToken refreshToken session { id } } }`,
  refresh: `mutation Refresh($input: RefreshTokenPairInput!) { answer: refreshTokenPair(input: $input) {
    ... on TokenPair { accessToken refreshToken session { id } } ... on RefreshTokenRejected { code } } }`,
  invalidate: `mutation Invalidate($input: InvalidateTokenInput!, $options: InvalidateTokenOptions) {
    answer: invalidateToken(input: $input, options: $options) {
      invalidatedTokens previouslyInvalidatedTokens errorCount } }`,
  introspect: 'query Introspect($token: String!) { answer: introspectToken(token: $token) { active } }',
}

interface PairAnswer {
  readonly accessToken: string
  readonly refreshToken: string
  readonly session: { readonly id: string }
}

interface InvalidationAnswer {
  readonly invalidatedTokens: number
  readonly previouslyInvalidatedTokens: number
  readonly errorCount: number
}

interface GraphqlResponse<Answer> {
  readonly data?: { readonly answer: Answer } | null
  readonly errors?: readonly { readonly extensions?: { readonly code?: string } }[]
}

interface Question {
  readonly query: string
  readonly variables: unknown
  /** The `Authorization` header; null to be nobody. */
  readonly as?: string | null
}

function createHttpContestant(url: string): Contestant {
  return {
    issue: async ({ realm, username }) => {
      const input = { realmName: realm, username, scopes: ['manage_token'] }
      return handedOut(await ask<PairAnswer>(url, { query: documents.issue, variables: { input } }))
    },
    refresh: async (refreshToken) => {
      const question = { query: documents.refresh, variables: { input: { refreshToken } } }
      const answer = await ask<PairAnswer | { readonly code: string }>(url, question)
      return 'code' in answer ? undefined : handedOut(answer)
    },
    invalidate: async (target) => {
      const answer = await tryAsk<InvalidationAnswer>(url, { query: documents.invalidate, ...requestOf(target) })
      if (answer === undefined && keepsOne(target)) return undefined
      if (answer === undefined) throw new Error('Not authenticated')
      if (answer.errorCount !== 0) throw new Error(`${answer.errorCount} tokens could not be ended`)
      return { invalidated: answer.invalidatedTokens, previouslyInvalidated: answer.previouslyInvalidatedTokens }
    },
    isActive: async (token) => {
      const question = { query: documents.introspect, variables: { token } }
      return (await ask<{ readonly active: boolean }>(url, question)).active
    },
  }
}

async function ask<Answer>(url: string, question: Question): Promise<Answer> {
  const answer = await tryAsk<Answer>(url, question)
  if (answer === undefined) throw new Error('Not authenticated')
  return answer
}

/**
 * Every answer but a plain one throws: what it did is then unknown. `fetch` keeps its connections alive.
 *
 * Undefined: the credentials are not valid (any more).
 */
async function tryAsk<Answer>(url: string, { query, variables, as = authorization }: Question) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...(as !== null && { authorization: as }),
    },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(20_000),
  })
  const text = await response.text()
  const { data, errors }: GraphqlResponse<Answer> = JSON.parse(text)
  if (errors?.[0]?.extensions?.code === 'UNAUTHENTICATED') return undefined
  if (response.status !== 200 || errors !== undefined || data == null) throw new Error(`${response.status} ${text}`)
  return data.answer
}

function handedOut({ accessToken, refreshToken, session }: PairAnswer): HandedOut {
  return { access: accessToken, refresh: refreshToken, session: session.id }
}

function keepsOne(target: RaceTarget): boolean {
  return target.kind === 'owner' && target.keeping !== undefined
}

function requestOf(target: RaceTarget): Pick<Question, 'variables' | 'as'> {
  switch (target.kind) {
    case 'access-token':
      return { variables: { input: { token: target.token } } }
    case 'refresh-token':
      return { variables: { input: { refreshToken: target.token } } }
    case 'session':
      return sessionRequest(target)
    case 'owner': {
      const { scope, keeping, issuedBefore } = target
      const options = { keepCurrentSession: keeping !== undefined, issuedBefore }
      const variables = { input: { owner: ownerOf(scope) }, options }
      return keeping === undefined ? { variables } : { variables, as: `Bearer ${keeping}` }
    }
    default:
      return target satisfies never
  }
}

function sessionRequest({ pair, by }: WholeSession): Pick<Question, 'variables' | 'as'> {
  if (by === 'id') return { variables: { input: { session: pair.session } } }
  const input = by === 'access' ? { token: pair.access } : { refreshToken: pair.refresh }
  return { variables: { input, options: { wholeSession: true } }, as: null }
}

function ownerOf(scope: OwnerScope): unknown {
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
