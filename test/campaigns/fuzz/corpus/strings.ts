import { elasticsearch, type FuzzInput, type FuzzRequest, form, fromPage, graphql, operations } from '../input.ts'
import { texts } from '../texts.ts'

type Place = (text: string) => FuzzRequest

/** Every place of every way in that takes a text. */
const places: readonly Place[] = [
  (realmName) => graphql(operations.create, { input: { realmName, username: 'u' } }),
  (username) => graphql(operations.create, { input: { realmName: 'r', username } }),
  (scope) => graphql(operations.create, { input: { realmName: 'r', username: 'u', scopes: [scope] } }),
  (label) => graphql(operations.create, { input: { realmName: 'r', username: 'u', device: { label } } }),
  (userAgent) => graphql(operations.create, { input: { realmName: 'r', username: 'u', device: { userAgent } } }),
  (ipAddress) => graphql(operations.create, { input: { realmName: 'r', username: 'u', device: { ipAddress } } }),
  (token) => graphql(operations.invalidate, { input: { token } }),
  (refreshToken) => graphql(operations.invalidate, { input: { refreshToken } }),
  (session) => graphql(operations.invalidate, { input: { session } }),
  (client) => graphql(operations.invalidate, { input: { client } }),
  (realmName) => graphql(operations.invalidate, { input: { owner: { realmName } } }),
  (username) => graphql(operations.invalidate, { input: { owner: { realmUser: { realmName: 'r', username } } } }),
  (comment) => graphql(operations.invalidate, { input: { owner: { username: 'u' } }, options: { comment } }),
  (issuedBefore) => graphql(operations.invalidate, { input: { everything: true }, options: { issuedBefore } }),
  (refreshToken) => graphql(operations.refresh, { input: { refreshToken } }),
  (token) => graphql(operations.introspect, { token }),
  (id) => graphql(operations.client, { id }),
  (after) => graphql(operations.sessions, { filter: { owner: { realmName: 'r' } }, after }),
  (session) => graphql(operations.revocations, { filter: { session } }),
  (id) => graphql(operations.createClient, { input: { id, scopes: ['read'] } }),
  (secret) => graphql(operations.createClient, { input: { id: 'x', scopes: [], secret } }),
  (operationName) => graphql('query A { __typename } query B { __typename }', {}, { operationName }),
  (text) => graphql(`{ introspectToken(token: ${JSON.stringify(text)}) { active } }`),
  (text) => fromPage(graphql(`{ __typename } # ${text}`)),
  (text) => fromPage(graphql(`{ ${text} }`)),
  (id) => entities({ __typename: 'TokenSession', id }),
  (realmName) => entities({ __typename: 'TokenOwner', realmName, username: 'u' }),
  (__typename) => entities({ __typename, id: '1' }),
  (token) => elasticsearch('DELETE', { token }),
  (realm_name) => elasticsearch('DELETE', { realm_name }),
  (username) => elasticsearch('DELETE', { username, realm_name: 'r' }),
  (refresh_token) => elasticsearch('POST', { grant_type: 'refresh_token', refresh_token }),
  (grant_type) => elasticsearch('POST', { grant_type }),
  (scope) => elasticsearch('POST', { grant_type: 'client_credentials', scope }),
  (token) => form('/oauth2/revoke', [['token', token]]),
  (hint) =>
    form('/oauth2/revoke', [
      ['token', 'x'],
      ['token_type_hint', hint],
    ]),
  (token) => form('/oauth2/introspect', [['token', token]]),
  (refresh_token) =>
    form('/oauth2/token', [
      ['grant_type', 'refresh_token'],
      ['refresh_token', refresh_token],
    ]),
  (grant_type) => form('/oauth2/token', [['grant_type', grant_type]]),
  (id) => elasticsearch('POST', { sub_id: { format: 'opaque', id } }, '/oauth2/global-token-revocation'),
]

function entities(representation: unknown): FuzzRequest {
  return graphql('query ($of: [_Any!]!) { _entities(representations: $of) { __typename } }', { of: [representation] })
}

/** Each text in each place, by a caller that has every right: so it goes all the way. */
export const strings: readonly FuzzInput[] = Object.entries(texts).flatMap(([kind, given]) =>
  given.flatMap((text) =>
    places.map((place): FuzzInput => ({ class: `strings: ${kind}`, caller: 'client all', request: () => place(text) })),
  ),
)
