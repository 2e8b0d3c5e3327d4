import { type NameField, quoteNames } from '../tokens/input-fault.ts'

/**
 * The arguments and input fields of the schema, as messages name them. Fields that the schema does not have keep the
 * name that the domain has for them: no request can be wrong in them.
 */
export const nameField: NameField = quoteNames({
  realm: 'realmName',
  username: 'username',
  token: 'token',
  accessToken: 'token',
  refreshToken: 'refreshToken',
  session: 'session',
  owner: 'owner',
  client: 'client',
  everything: 'everything',
  scopes: 'scopes',
  wholeSession: 'wholeSession',
  issuedTo: 'issuedTo',
  keepCurrentSession: 'keepCurrentSession',
  issuedBefore: 'issuedBefore',
  expectAtMost: 'expectAtMost',
  comment: 'comment',
  limit: 'first',
  cursor: 'after',
  clientId: 'id',
  clientSecret: 'secret',
  keepPreviousSeconds: 'keepPreviousSeconds',
  since: 'since',
  nothingLost: 'nothingLost',
})
