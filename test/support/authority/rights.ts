import type { CallerName } from '../callers.ts'

/** Callers without valid credentials. They are answered 401 everywhere, also where no credentials are needed. */
export const withoutCredentials: readonly CallerName[] = [
  'disabled client',
  'wrong secret',
  'unknown client',
  'ended token',
]

const owners = [
  'alice',
  'alice, clients',
  'bob',
  'bob, introspect',
  'bob, manage',
  'alice elsewhere',
  'alice elsewhere, create',
  'bob, of a disabled client',
] as const satisfies readonly CallerName[]
const clients = [
  'client none',
  'client create',
  'client introspect',
  'client manage',
  'client clients',
  'client all',
] as const satisfies readonly CallerName[]
const authenticated = [...clients, ...owners]
/** Of the target. */
const owner = ['alice', 'alice, clients'] as const
const create = ['client create', 'client all', 'alice elsewhere, create'] as const
const introspect = ['client introspect', 'client all', 'bob, introspect'] as const
const manage = ['client manage', 'client all', 'bob, manage'] as const
const manageClients = ['client clients', 'client all', 'alice, clients'] as const

/** What callers are answered. Who is not named is refused: 401 the anonymous caller, 403 the others. */
export interface Rights {
  /** Who is served. */
  readonly may: readonly CallerName[]
  /** Who is answered as if nothing existed, instead of being refused. */
  readonly seesNothing?: readonly CallerName[]
  /** Who is answered 400: the rules of the dialect. */
  readonly badRequest?: readonly CallerName[]
  /** For whom there is no such path. */
  readonly notFound?: readonly CallerName[]
  /** Who is refused, and may learn whether the thing exists: it holds the token, or may see the client. */
  readonly learns?: readonly CallerName[]
}

const anyone: Rights = { may: ['anonymous', ...authenticated] }
const everyManager: Rights = { may: manage }
const managerOrOwner: Rights = { may: [...manage, ...owner] }
const whoManagesClients: Rights = { may: manageClients }
const others = without(authenticated, [...manage, ...owner])
/** A session or revocation of somebody else looks as one that does not exist. */
const joined: Rights = { may: [...manage, ...owner], seesNothing: others }
/** The same, but a client is refused. */
const ofSession: Rights = { may: [...manage, ...owner], seesNothing: without(others, clients) }
/**
 * RFC 7009 §2.1 and RFC 6749 §6: a client that authenticates may end or refresh by OAuth only what was issued to it.
 */
const clientsOfOthers: Rights = { may: ['anonymous', ...owners], badRequest: clients, learns: clients }
/** A client with `manage_token` may end any token. */
const revokedByOAuth: Rights = {
  may: ['anonymous', ...owners, 'client manage', 'client all'],
  badRequest: without(clients, manage),
  learns: clients,
}
/** Elasticsearch: tokens must be refreshed by the creating client, and an owner's token is no client. */
const refreshedByElasticsearch: Rights = { may: [], badRequest: manage, learns: manage }

/** Who may send which of the requests in `requests.ts`. Each is about a session of alice that no caller created. */
export const rights: Readonly<Record<string, Readonly<Record<string, Rights>>>> = {
  GraphQL: {
    'end an access token': anyone,
    'end a refresh token': anyone,
    'end the session of a token': anyone,
    'end a session': ofSession,
    'end an owner': managerOrOwner,
    'end a username in all realms': everyManager,
    'end a realm': everyManager,
    'end what a client created': everyManager,
    'end everything': everyManager,
    'count a session': ofSession,
    'count an owner': managerOrOwner,
    'count a client': everyManager,
    'refresh a token': anyone,
    'issue a pair': { may: create },
    'see the own token': { may: owners, seesNothing: ['anonymous', ...clients] },
    'see the own sessions': { may: owners },
    'see the own revocations': { may: [...manage, ...owners] },
    'see the sessions of an owner': managerOrOwner,
    'see the sessions of a username': everyManager,
    'see the sessions of a realm': everyManager,
    'see the sessions of a client': everyManager,
    'see the revocations of an owner': managerOrOwner,
    'see the revocations of a realm': everyManager,
    'see the revocations of a client': everyManager,
    'see the revocations of a session': ofSession,
    'introspect a token': { may: introspect },
    'see all clients': whoManagesClients,
    'see a client': whoManagesClients,
    'add a client': whoManagesClients,
    'rotate the secret of a client': whoManagesClients,
    'replace the secret of a client': whoManagesClients,
    'change the scopes of a client': { may: ['client all'], learns: manageClients },
    'give a client a scope': { may: ['client all'], learns: manageClients },
    'disable a client': whoManagesClients,
    'enable a client': whoManagesClients,
    'delete a client': whoManagesClients,
  },
  Federation: {
    'join a session': joined,
    'join a revocation': joined,
    'join an owner’s sessions': managerOrOwner,
  },
  Subscriptions: {
    'wait for the own end': { may: owners },
    'follow all revocations': everyManager,
    'follow for a guard': { may: ['client all'] },
  },
  OAuth: {
    'revoke an access token': revokedByOAuth,
    'revoke a refresh token': revokedByOAuth,
    'revoke what was issued to it': anyone,
    introspect: { may: introspect },
    refresh: clientsOfOthers,
    'refresh what was issued to it': anyone,
    'revoke an owner': managerOrOwner,
    'revoke an address': everyManager,
  },
  Elasticsearch: {
    'invalidate a token': everyManager,
    'invalidate a refresh token': everyManager,
    'invalidate an owner': everyManager,
    'invalidate a username': everyManager,
    'invalidate a realm': everyManager,
    'invalidate a realm, by 6.x': everyManager,
    'get a token for itself': { may: ['client all'], badRequest: ['bob, manage'] },
    'refresh a token': refreshedByElasticsearch,
    'refresh what was issued to it': {
      may: ['client manage', 'client all'],
      badRequest: ['bob, manage'],
      learns: manage,
    },
    authenticate: { may: authenticated },
  },
  Metrics: {
    // Neither reads credentials.
    'on the public port': { may: [], notFound: ['anonymous', ...authenticated, ...withoutCredentials] },
    'on their own port': { may: ['anonymous', ...authenticated, ...withoutCredentials] },
  },
}

/** Who may send a request, by its way in and its name. */
export function whoMay(way: string, request: string): readonly CallerName[] {
  const ofWay = rights[way] ?? {}
  return ofWay[request]?.may ?? []
}

function without(all: readonly CallerName[], some: readonly CallerName[]): readonly CallerName[] {
  return all.filter((name) => !some.includes(name))
}
