import type { InputField } from '../../tokens/input-fault.ts'

/**
 * The parameters of OAuth's requests, as messages name them. Fields that its requests do not have keep the name that the
 * domain has for them: no request can be wrong in them. In a global revocation the owner has other names, which depend on
 * the format of its `sub_id`.
 */
export const parameterNames: Readonly<Record<InputField, string>> = {
  realm: 'realm',
  username: 'username',
  token: 'token',
  accessToken: 'token',
  refreshToken: 'refresh_token',
  session: 'session',
  owner: 'owner',
  client: 'client',
  everything: 'everything',
  scopes: 'scope',
  wholeSession: 'wholeSession',
  issuedTo: 'issuedTo',
  keepCurrentSession: 'keepCurrentSession',
  issuedBefore: 'issuedBefore',
  expectAtMost: 'expectAtMost',
  comment: 'comment',
  limit: 'limit',
  cursor: 'cursor',
  clientId: 'client_id',
  clientSecret: 'client_secret',
  keepPreviousSeconds: 'keepPreviousSeconds',
  since: 'since',
  nothingLost: 'nothingLost',
}
