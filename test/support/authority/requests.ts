import type { IssuedPair } from '../../../src/tokens/pair.ts'
import { mintSecrets } from '../../../src/tokens/token.ts'

/** What a request is about. Every request is sent twice: about something that exists, and about something that does not. */
export interface Target {
  readonly accessToken: string
  readonly refreshToken: string
  readonly sessionId: string
  readonly endedSessionId: string
  /** Of the ended session. */
  readonly revocationId: string
  readonly realm: string
  readonly username: string
  /** The client that created the session. */
  readonly clientId: string
  /** What it created was ended. */
  readonly disabledClientId: string
  /** A client with a scope. The others have none. */
  readonly strongClientId: string
  /** An id for a client to add. */
  readonly newClientId: string
}

/** What an allowed request does. `lists` is about the caller or about everything, and not about the target. */
type Effect = 'ends' | 'changes' | 'reads' | 'lists'

export interface AuthorityRequest {
  readonly effect: Effect
  /** The target was issued to the caller, if the caller is a client, and not to another client. */
  readonly isIssuedToCaller?: true
  /** It goes to the port of the metrics. */
  readonly isForMetricsPort?: true
  readonly build: (target: Target) => Request
}

/** A target of which nothing exists, with tokens that are well-formed. */
export function missingTarget(): Target {
  const { accessToken, refreshToken } = mintSecrets()
  const pair = { slot: 1, id: 1 }
  return {
    accessToken: accessToken(pair, new Date(2 ** 42)),
    refreshToken: refreshToken(pair, new Date(2 ** 42)),
    sessionId: '999999999',
    endedSessionId: '999999999',
    revocationId: '999999999',
    realm: 'nowhere',
    username: 'nobody',
    clientId: 'no-such-client',
    disabledClientId: 'no-such-client',
    strongClientId: 'no-such-client',
    newClientId: 'admin',
  }
}

export function targetOf(pair: IssuedPair): Pick<Target, 'accessToken' | 'refreshToken' | 'sessionId'> {
  return {
    accessToken: pair.accessToken,
    refreshToken: pair.refresh?.token ?? '',
    sessionId: String(pair.session.id),
  }
}

type Fields = (target: Target) => object

function send(method: string, path: string, options: { readonly type?: string; readonly body?: string } = {}): Request {
  const { type = 'application/json', body } = options
  const accept = path === '/graphql' ? 'application/graphql-response+json, text/event-stream' : 'application/json'
  return new Request(`http://localhost${path}`, {
    method,
    headers: { accept, ...(body !== undefined && { 'content-type': type }) },
    ...(body !== undefined && { body }),
  })
}

function json(effect: Effect, [method, path]: readonly [string, string], fields: Fields): AuthorityRequest {
  return { effect, build: (target) => send(method, path, { body: JSON.stringify(fields(target)) }) }
}

function graphql(effect: Effect, query: string, variables: Fields = () => ({})): AuthorityRequest {
  return json(effect, ['POST', '/graphql'], (target) => ({ query, variables: variables(target) }))
}

function form(effect: Effect, path: string, fields: (target: Target) => Record<string, string>): AuthorityRequest {
  const type = 'application/x-www-form-urlencoded'
  return { effect, build: (target) => send('POST', path, { type, body: `${new URLSearchParams(fields(target))}` }) }
}

function get(path: string): AuthorityRequest {
  return { effect: 'lists', build: () => send('GET', path) }
}

const end = (input: Fields, options: object = {}) =>
  graphql(
    'ends',
    `mutation ($input: InvalidateTokenInput!, $options: InvalidateTokenOptions) {
      invalidateToken(input: $input, options: $options) { invalidatedTokens previouslyInvalidatedTokens revocation { id } }
    }`,
    (target) => ({ input: input(target), options }),
  )

const count = (input: Fields) => ({ ...end(input, { dryRun: true }), effect: 'reads' as const })

const client = (effect: Effect, mutation: string, input: Fields) =>
  graphql(
    effect,
    `mutation ($input: ${mutation.replace(/^./, (first) => first.toUpperCase())}Input!) {
      ${mutation}(input: $input) { __typename ... on TokenClientChanged { secret } }
    }`,
    (target) => ({ input: input(target) }),
  )

const entity = (reference: Fields, selection: string) =>
  graphql('reads', `query ($of: [_Any!]!) { _entities(representations: $of) { ${selection} } }`, (target) => ({
    of: [reference(target)],
  }))

const ownerOf = ({ realm, username }: Target) => ({ realmName: realm, username })
const realmUserOf = (target: Target) => ({ owner: { realmUser: ownerOf(target) } })
const realmOf = ({ realm }: Target) => ({ owner: { realmName: realm } })
const usernameOf = ({ username }: Target) => ({ owner: { username } })

const sessions = (filter: Fields) =>
  graphql(
    'reads',
    'query ($filter: TokenSessionFilter!) { tokenSessions(filter: $filter) { nodes { id } } }',
    (target) => ({ filter: filter(target) }),
  )

const revocations = (filter: Fields) =>
  graphql('reads', 'query ($filter: RevocationFilter) { revocations(filter: $filter) { nodes { id } } }', (target) => ({
    filter: filter(target),
  }))

const elasticsearch = ['DELETE', '/_security/oauth2/token'] as const
const elasticsearchGrant = ['POST', '/_security/oauth2/token'] as const

const revoke = (fields: (target: Target) => string) =>
  form('ends', '/oauth2/revoke', (target) => ({ token: fields(target) }))

const refresh = form('changes', '/oauth2/token', ({ refreshToken }) => ({
  grant_type: 'refresh_token',
  refresh_token: refreshToken,
}))

const elasticsearchRefresh = json('changes', elasticsearchGrant, ({ refreshToken }) => ({
  grant_type: 'refresh_token',
  refresh_token: refreshToken,
}))

/** The requests, by way in and by name. `rights.ts` says who may send which. */
export const authorityRequests: Readonly<Record<string, Readonly<Record<string, AuthorityRequest>>>> = {
  GraphQL: {
    'end an access token': end(({ accessToken }) => ({ token: accessToken })),
    'end a refresh token': end(({ refreshToken }) => ({ refreshToken })),
    'end the session of a token': end(({ accessToken }) => ({ token: accessToken }), { wholeSession: true }),
    'end a session': end(({ sessionId }) => ({ session: sessionId })),
    'end an owner': end(realmUserOf),
    'end a username in all realms': end(usernameOf),
    'end a realm': end(realmOf),
    'end what a client created': end(({ clientId }) => ({ client: clientId })),
    'end everything': end(() => ({ everything: true })),
    'count a session': count(({ sessionId }) => ({ session: sessionId })),
    'count an owner': count(realmUserOf),
    'count a client': count(({ clientId }) => ({ client: clientId })),
    'refresh a token': graphql(
      'changes',
      'mutation ($input: RefreshTokenPairInput!) { refreshTokenPair(input: $input) { __typename } }',
      ({ refreshToken }) => ({ input: { refreshToken } }),
    ),
    'issue a pair': graphql(
      'changes',
      'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { scopes } }',
      (target) => ({ input: ownerOf(target) }),
    ),
    'see the own token': graphql('lists', '{ currentToken { username } }'),
    'see the own sessions': graphql('lists', '{ mySessions { nodes { id } } }'),
    'see the own revocations': graphql('lists', '{ revocations { nodes { id } } }'),
    'see the sessions of an owner': sessions(realmUserOf),
    'see the sessions of a username': sessions(usernameOf),
    'see the sessions of a realm': sessions(realmOf),
    'see the sessions of a client': sessions(({ clientId }) => ({ client: clientId })),
    'see the revocations of an owner': revocations(realmUserOf),
    'see the revocations of a realm': revocations(realmOf),
    'see the revocations of a client': revocations(({ disabledClientId }) => ({ client: disabledClientId })),
    'see the revocations of a session': revocations(({ endedSessionId }) => ({ session: endedSessionId })),
    'introspect a token': graphql(
      'reads',
      'query ($token: String!) { introspectToken(token: $token) { active username } }',
      ({ accessToken }) => ({ token: accessToken }),
    ),
    'see all clients': graphql('lists', '{ tokenClients { nodes { id } } }'),
    'see a client': graphql('reads', 'query ($id: ID!) { tokenClient(id: $id) { scopes } }', ({ clientId }) => ({
      id: clientId,
    })),
    'add a client': client('changes', 'createTokenClient', ({ newClientId }) => ({ id: newClientId, scopes: [] })),
    'rotate the secret of a client': client('changes', 'rotateTokenClientSecret', ({ clientId }) => ({ id: clientId })),
    'replace the secret of a client': client('changes', 'replaceTokenClientSecret', ({ clientId }) => ({
      id: clientId,
    })),
    'change the scopes of a client': client('changes', 'updateTokenClient', ({ strongClientId }) => ({
      id: strongClientId,
      scopes: [],
    })),
    'give a client a scope': client('changes', 'updateTokenClient', ({ clientId }) => ({
      id: clientId,
      scopes: ['create_token'],
    })),
    'disable a client': client('ends', 'disableTokenClient', ({ clientId }) => ({ id: clientId, endSessions: true })),
    'enable a client': client('changes', 'enableTokenClient', ({ disabledClientId }) => ({ id: disabledClientId })),
    'delete a client': client('ends', 'deleteTokenClient', ({ clientId }) => ({ id: clientId })),
  },
  Federation: {
    'join a session': entity(
      ({ sessionId }) => ({ __typename: 'TokenSession', id: sessionId }),
      '... on TokenSession { username }',
    ),
    'join a revocation': entity(
      ({ revocationId }) => ({ __typename: 'Revocation', id: revocationId }),
      '... on Revocation { username }',
    ),
    'join an owner’s sessions': entity(
      (target) => ({ __typename: 'TokenOwner', ...ownerOf(target) }),
      '... on TokenOwner { sessions { nodes { id } } }',
    ),
  },
  Subscriptions: {
    'wait for the own end': graphql('lists', 'subscription { tokenInvalidated { id } }'),
    'follow all revocations': graphql('lists', 'subscription { revocationFeed { cursor } }'),
    'follow for a guard': graphql('lists', 'subscription { revocationFeed(forGuard: true) { cursor } }'),
  },
  OAuth: {
    'revoke an access token': revoke(({ accessToken }) => accessToken),
    'revoke a refresh token': revoke(({ refreshToken }) => refreshToken),
    'revoke what was issued to it': { ...revoke(({ refreshToken }) => refreshToken), isIssuedToCaller: true },
    introspect: form('reads', '/oauth2/introspect', ({ accessToken }) => ({ token: accessToken })),
    refresh,
    'refresh what was issued to it': { ...refresh, isIssuedToCaller: true },
    'revoke an owner': json('ends', ['POST', '/oauth2/global-token-revocation'], ({ realm, username }) => ({
      sub_id: { format: 'opaque', id: `${realm}/${username}` },
    })),
    'revoke an address': json('changes', ['POST', '/oauth2/global-token-revocation'], ({ username }) => ({
      sub_id: { format: 'email', email: `${username}@example.com` },
    })),
  },
  Elasticsearch: {
    'invalidate a token': json('ends', elasticsearch, ({ accessToken }) => ({ token: accessToken })),
    'invalidate a refresh token': json('ends', elasticsearch, ({ refreshToken }) => ({ refresh_token: refreshToken })),
    'invalidate an owner': json('ends', elasticsearch, ({ realm, username }) => ({ realm_name: realm, username })),
    'invalidate a username': json('ends', elasticsearch, ({ username }) => ({ username })),
    'invalidate a realm': json('ends', elasticsearch, ({ realm }) => ({ realm_name: realm })),
    'invalidate a realm, by 6.x': json('ends', ['DELETE', '/_xpack/security/oauth2/token'], ({ realm }) => ({
      realm_name: realm,
    })),
    'get a token for itself': json('changes', elasticsearchGrant, () => ({ grant_type: 'client_credentials' })),
    'refresh a token': elasticsearchRefresh,
    'refresh what was issued to it': { ...elasticsearchRefresh, isIssuedToCaller: true },
    authenticate: get('/_security/_authenticate'),
  },
  Metrics: {
    'on the public port': get('/metrics'),
    'on their own port': { ...get('/metrics'), isForMetricsPort: true },
  },
}
