/** A table whose rows an input may change. */
export type Table = 'pairs' | 'spent' | 'revocations' | 'clients'

interface CallerRights {
  readonly mayChange: readonly Table[]
  /** Whether it may end the tokens of the innocent owner. */
  readonly endsOthers?: true
}

const all: readonly Table[] = ['pairs', 'spent', 'revocations', 'clients']

/** Who sends an input, and what this caller has a right to. */
const callers = {
  anonymous: { mayChange: [] },
  'a wrong secret': { mayChange: [] },
  'an unknown token': { mayChange: [] },
  'client none': { mayChange: [] },
  'client introspect': { mayChange: [] },
  'client create': { mayChange: ['pairs'] },
  owner: { mayChange: ['revocations'] },
  // Elasticsearch's `client_credentials` creates a token for the client itself.
  'client manage': { mayChange: ['pairs', 'revocations'], endsOthers: true },
  'client clients': { mayChange: ['clients', 'revocations'] },
  'client all': { mayChange: all, endsOthers: true },
} as const satisfies Readonly<Record<string, CallerRights>>

export type CallerName = keyof typeof callers

export const callerNames: readonly CallerName[] = Object.keys(callers).filter(isCallerName)

function isCallerName(name: string): name is CallerName {
  return Object.hasOwn(callers, name)
}

/** A request as data. `path` includes the query; a string body is sent as UTF-8. */
export interface FuzzRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** The tokens that an input may be made of. All of them are secrets: none may come back. */
export interface Tokens {
  /** Live tokens of the owner that some inputs are sent by. */
  readonly access: string
  readonly refresh: string
  /** Well-formed tokens, with right checksums, of no session. */
  readonly plantedAccess: string
  readonly plantedRefresh: string
  /** Client secrets of no client: with our prefix, and one that somebody chose. */
  readonly plantedSecret: string
  readonly chosenSecret: string
}

/** One input of the campaign. */
export interface FuzzInput {
  /** The row of the report. */
  readonly class: string
  readonly caller: CallerName
  /** Whether it holds a live token: then it may spend or end that token without other rights. */
  readonly holdsToken?: boolean
  /** Without `Authorization`, unless the class is about that header: the caller's is added. */
  readonly request: (tokens: Tokens) => FuzzRequest
}

/** The changes that an input may make. */
export function mayChange({ caller, holdsToken = false }: FuzzInput): readonly Table[] {
  return holdsToken ? [...callers[caller].mayChange, 'pairs', 'spent', 'revocations'] : callers[caller].mayChange
}

export function mayEndOthers({ caller }: FuzzInput): boolean {
  return 'endsOthers' in callers[caller]
}

const json = { 'content-type': 'application/json' }

/** A GraphQL request as programs send it: the fast path. */
export function graphql(query: string, variables: unknown = {}, more: Readonly<Record<string, unknown>> = {}) {
  return { method: 'POST', path: '/graphql', headers: json, body: JSON.stringify({ query, variables, ...more }) }
}

/** The same as a page sends it, which takes the full path. */
export function fromPage(request: FuzzRequest): FuzzRequest {
  return { ...request, headers: { ...request.headers, origin: 'http://localhost' } }
}

export function elasticsearch(method: 'POST' | 'DELETE', body: unknown, path = '/_security/oauth2/token'): FuzzRequest {
  return { method, path, headers: json, body: JSON.stringify(body) }
}

export function form(path: string, parameters: readonly (readonly [string, string])[]): FuzzRequest {
  const body = new URLSearchParams(parameters.map((pair) => [...pair])).toString()
  return { method: 'POST', path, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body }
}

/** The operations of GraphQL, with their input in a variable. */
export const operations = {
  create:
    'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { expiresIn scopes session { username realmName device { label userAgent } } } }',
  refresh: 'mutation ($input: RefreshTokenPairInput!) { refreshTokenPair(input: $input) { __typename } }',
  invalidate:
    'mutation ($input: InvalidateTokenInput!, $options: InvalidateTokenOptions) { invalidateToken(input: $input, options: $options) { invalidatedTokens revocation { comment realmName username } } }',
  introspect: 'query ($token: String!) { introspectToken(token: $token) { active username scopes } }',
  sessions:
    'query ($filter: TokenSessionFilter!, $first: Int, $after: String) { tokenSessions(filter: $filter, first: $first, after: $after) { nodes { id } } }',
  revocations:
    'query ($filter: RevocationFilter, $first: Int, $after: String) { revocations(filter: $filter, first: $first, after: $after) { nodes { id } } }',
  createClient: 'mutation ($input: CreateTokenClientInput!) { createTokenClient(input: $input) { __typename } }',
  client: 'query ($id: ID!) { tokenClient(id: $id) { id } }',
} as const
