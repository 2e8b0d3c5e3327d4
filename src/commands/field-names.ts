import type { InputField, NameField } from '../tokens/input-fault.ts'

/**
 * The options of the commands, as messages name them. Fields that no command has keep the name that the domain has for
 * them: no command line can be wrong in them.
 */
const names: Readonly<Record<InputField, string>> = {
  realm: '--realm',
  username: '--username',
  token: '--token-stdin',
  accessToken: '--token-stdin',
  refreshToken: '--token-stdin',
  session: '--session',
  owner: '--realm, --username',
  client: '--client',
  everything: '--everything',
  scopes: '--scope',
  wholeSession: '--whole-session',
  issuedTo: 'issuedTo',
  keepCurrentSession: 'keepCurrentSession',
  issuedBefore: '--issued-before',
  expectAtMost: '--expect-at-most',
  comment: '--comment',
  limit: '--limit',
  cursor: '--before',
  clientId: 'the id of a client',
  clientSecret: 'the secret of a client',
  keepPreviousSeconds: '--keep-previous',
  since: '--since',
  nothingLost: '--nothing-lost',
}

export const nameField: NameField = (field) => names[field]
