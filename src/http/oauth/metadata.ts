/** RFC 8414 §2: for clients; they name themselves, or prove it. */
const clientMethods = ['none', 'client_secret_basic', 'client_secret_post']

/**
 * Authorization server metadata (RFC 8414). Which grants and endpoints there are not, it does not name.
 *
 * `isSettled`: the issuer is the one that was set, the same for everybody. Otherwise it is what this one request called
 * us, and may be kept by nobody.
 */
export function describeServer(issuer: string, isSettled: boolean): Response {
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
    // §2 has it "REQUIRED", §3.2 wants lists without elements left out: readers miss it more often than they mind.
    response_types_supported: [],
  }
  const cache = isSettled ? 'public, max-age=3600' : 'no-store'
  return Response.json(metadata, { headers: { 'cache-control': cache, 'x-content-type-options': 'nosniff' } })
}
