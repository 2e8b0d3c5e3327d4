import { type NameField, quoteNames } from '../tokens/input-fault.ts'

/** The arguments and input fields of the schema whose names are not those of the domain, as messages name them. */
export const nameField: NameField = quoteNames({
  realm: 'realmName',
  accessToken: 'token',
  limit: 'first',
  cursor: 'after',
  clientId: 'id',
  clientSecret: 'secret',
})
