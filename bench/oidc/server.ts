import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { type Configuration, Provider } from 'oidc-provider'
import pg from 'pg'
import { createAdapterFactory } from './adapter.ts'
import { oidcClient } from './seed.ts'

/** node-oidc-provider on PostgreSQL, without the features that its token endpoints do not need. */

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 })
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })

const configuration: Configuration = {
  adapter: createAdapterFactory(pool),
  // Static clients are looked up in memory, whereas the service reads its client from the database.
  clients: [
    {
      ...oidcClient,
      grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
      redirect_uris: ['https://client.example/callback'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  cookies: { keys: ['unused'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  jwks: { keys: [{ ...key, use: 'sig' }] },
  rotateRefreshToken: true,
  scopes: ['openid', 'offline_access', 'read'],
  ttl: { AccessToken: 1200, ClientCredentials: 1200, RefreshToken: 86_400, Grant: 86_400 },
}

const provider = new Provider('http://127.0.0.1', configuration)
provider.on('server_error', (_, error) => process.stderr.write(`${error.stack}\n`))

const server = createServer(provider.callback())
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.stdout.write(`http://127.0.0.1:${address.port}\n`)
})
