import type { SweepScope } from '../../src/tokens/coverage.ts'
import { basic } from '../support/basic.ts'
import { type RunningService, runCommand, startProcess } from '../support/process.ts'
import type { IssuedPair, RaceTarget, SessionSweep, Subject } from './subject.ts'

const adminSecret = 'a-secret-for-races-of-32-characters'
const clientSecret = 'a-secret-for-a-client-of-the-races'
const authorization = basic('admin', adminSecret)

/** The login services of the races: each session is created by one of them. */
export const clients = ['races-web', 'races-app'] as const

/** Adds the clients to the database that the services already serve. */
export async function addClients(databaseUrl: string): Promise<void> {
  for (const id of clients) {
    const args = ['client', 'create', id, '--scope', 'create_token', '--scope', 'manage_token', '--secret-stdin']
    const { code, stderr } = await runCommand(args, { DATABASE_URL: databaseUrl }, clientSecret)
    if (code !== 0) throw new Error(`client create ended with ${code}: ${stderr}`)
  }
}

/** A service process, and the methods that call it over HTTP. */
export interface HttpSubject extends Subject {
  readonly service: RunningService
}

/** Starts the service in a process of its own on this database. */
export async function startSubject(
  databaseUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<HttpSubject> {
  const service = await startProcess({
    DATABASE_URL: databaseUrl,
    ADMIN_SECRET: adminSecret,
    // All of the load comes from one address.
    RATE_LIMIT_ANONYMOUS: '100000000',
    RATE_LIMIT_OWNER: '100000000',
    ...environment,
  })
  return { service, ...createHttpSubject(service.url) }
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

interface GraphqlCall {
  readonly query: string
  readonly variables: unknown
  /** The `Authorization` header; null sends no credentials. */
  readonly as?: string | null
}

function createHttpSubject(url: string): Subject {
  return {
    issue: async ({ realm, username, client }) => {
      const input = { realmName: realm, username, scopes: ['manage_token'] }
      const as = basic(client, clientSecret)
      return issuedPair(await send<PairAnswer>(url, { query: documents.issue, variables: { input }, as }))
    },
    refresh: async (refreshToken) => {
      const call = { query: documents.refresh, variables: { input: { refreshToken } } }
      const answer = await send<PairAnswer | { readonly code: string }>(url, call)
      return 'code' in answer ? undefined : issuedPair(answer)
    },
    invalidate: async (target) => {
      const answer = await trySend<InvalidationAnswer>(url, { query: documents.invalidate, ...requestOf(target) })
      if (answer === undefined && keepsSession(target)) return undefined
      if (answer === undefined) throw new Error('Not authenticated')
      if (answer.errorCount !== 0) throw new Error(`${answer.errorCount} tokens could not be ended`)
      return { invalidated: answer.invalidatedTokens, previouslyInvalidated: answer.previouslyInvalidatedTokens }
    },
    isActive: async (token) => {
      const call = { query: documents.introspect, variables: { token } }
      return (await send<{ readonly active: boolean }>(url, call)).active
    },
  }
}

async function send<Answer>(url: string, call: GraphqlCall): Promise<Answer> {
  const answer = await trySend<Answer>(url, call)
  if (answer === undefined) throw new Error('Not authenticated')
  return answer
}

/**
 * Answers undefined if the service refuses the credentials. Every other error throws: whether the operation took effect
 * is then unknown. `fetch` keeps its connections alive.
 */
async function trySend<Answer>(url: string, { query, variables, as = authorization }: GraphqlCall) {
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

function issuedPair({ accessToken, refreshToken, session }: PairAnswer): IssuedPair {
  return { access: accessToken, refresh: refreshToken, session: session.id }
}

function keepsSession(target: RaceTarget): boolean {
  return target.kind === 'sweep' && target.keeping !== undefined
}

function requestOf(target: RaceTarget): Pick<GraphqlCall, 'variables' | 'as'> {
  switch (target.kind) {
    case 'access-token':
      return { variables: { input: { token: target.token } } }
    case 'refresh-token':
      return { variables: { input: { refreshToken: target.token } } }
    case 'session':
      return sessionRequest(target)
    case 'sweep': {
      const { scope, keeping, issuedBefore } = target
      const options = { keepCurrentSession: keeping !== undefined, issuedBefore }
      const variables = { input: inputOf(scope), options }
      return keeping === undefined ? { variables } : { variables, as: `Bearer ${keeping}` }
    }
    default:
      return target satisfies never
  }
}

function sessionRequest({ pair, by }: SessionSweep): Pick<GraphqlCall, 'variables' | 'as'> {
  if (by === 'id') return { variables: { input: { session: pair.session } } }
  const input = by === 'access' ? { token: pair.access } : { refreshToken: pair.refresh }
  return { variables: { input, options: { wholeSession: true } }, as: null }
}

function inputOf(scope: SweepScope): unknown {
  switch (scope.kind) {
    case 'realm':
      return { owner: { realmName: scope.realm } }
    case 'username':
      return { owner: { username: scope.username } }
    case 'realm-user':
      return { owner: { realmUser: { realmName: scope.realm, username: scope.username } } }
    case 'client':
      return { client: scope.clientId }
    case 'everything':
      return { everything: true }
    default:
      return scope satisfies never
  }
}
