/** RFC 8414 §2. With `none` a client only names itself; with the others it proves who it is. */
const clientMethods = ['none', 'client_secret_basic', 'client_secret_post']

/**
 * Authorization server metadata (RFC 8414). It names only the grants and endpoints that exist.
 *
 * `isConfigured`: the issuer comes from the settings and is the same for every caller. Otherwise it is the origin of
 * this one request, and no cache may keep the answer.
 */
export function describeServer(issuer: string, isConfigured: boolean): Response {
  const metadata = {
    issuer,
    token_endpoint: `${issuer}/oauth2/token`,
    token_endpoint_auth_methods_supported: clientMethods,
    revocation_endpoint: `${issuer}/oauth2/revoke`,
    revocation_endpoint_auth_methods_supported: clientMethods,
    introspection_endpoint: `${issuer}/oauth2/introspect`,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'Bearer'],
    global_token_revocation_endpoint: `${issuer}/oauth2/global-token-revocation`,
    global_token_revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'Bearer'],
    grant_types_supported: ['refresh_token'],
    // §2 calls it "REQUIRED"; §3.2 omits lists without elements. It is sent: more clients fail without it than with it.
    response_types_supported: [],
  }
  const cache = isConfigured ? 'public, max-age=3600' : 'no-store'
  return Response.json(metadata, { headers: { 'cache-control': cache, 'x-content-type-options': 'nosniff' } })
}
