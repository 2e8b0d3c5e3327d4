import type { FieldNames } from '../../tokens/input-fault.ts'

/**
 * The parameters of OAuth's requests whose names are not those of the domain, as messages name them. In a global
 * revocation the owner has other names, which depend on the format of its `sub_id`.
 */
export const parameterNames: FieldNames = {
  accessToken: 'token',
  refreshToken: 'refresh_token',
  scopes: 'scope',
  clientId: 'client_id',
  clientSecret: 'client_secret',
}
