import { type NameField, quoteNames } from '../../tokens/input-fault.ts'

/**
 * The fields of Elasticsearch's requests, as messages name them. Fields that its requests do not have keep the name that
 * the domain has for them: no request can be wrong in them.
 */
export const nameField: NameField = quoteNames({
  realm: 'realm_name',
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
  clientId: 'clientId',
  clientSecret: 'clientSecret',
  keepPreviousSeconds: 'keepPreviousSeconds',
  since: 'since',
  nothingLost: 'nothingLost',
})
