import { type NameField, quoteNames } from '../../tokens/input-fault.ts'

/** The fields of Elasticsearch's requests whose names are not those of the domain, as messages name them. */
export const nameField: NameField = quoteNames({
  realm: 'realm_name',
  accessToken: 'token',
  refreshToken: 'refresh_token',
  scopes: 'scope',
})
