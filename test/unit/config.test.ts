import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'

test('without settings the service has the embedded database, port 4000 on the loopback, and Elasticsearch’s lifetimes', () => {
  expect(readConfig({})).toEqual({
    port: 4000,
    host: '127.0.0.1',
    publicUrl: undefined,
    exposure: { graphiql: true, introspection: 'everyone', graphqlGet: 'any' },
    log: { level: 'info', format: 'auto', requests: false },
    metrics: undefined,
    maxQueryCost: 10_000,
    maxConnections: 4_096,
    maxStreams: 2_000,
    maxStreamsPerCaller: 100,
    corsOrigins: '*',
    trustedProxies: 0,
    maxGraphqlBytes: 262_144,
    rateLimits: { failures: 600, anonymous: 12_000, owner: 3_000, client: 0 },
    countsFailuresTogether: false,
    database: { kind: 'embedded', folder: '.data' },
    adminSecret: undefined,
    lifetimes: { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 },
    revocationDays: 30,
    federationDirectives: [],
  })
})

test('an empty setting counts as not set', () => {
  expect(readConfig({ PORT: '', DATABASE_URL: ' ', ADMIN_SECRET: '' })).toEqual(readConfig({}))
})

test('DATABASE_URL selects Postgres, and DATABASE_DIRECT_URL bypasses its pooler', () => {
  const url = 'postgres://app:pw@pooler:6432/tokens'
  const directUrl = 'postgresql://app:pw@db:5432/tokens'

  expect(readConfig({ DATABASE_URL: url }).database).toEqual({ kind: 'postgres', url, directUrl: url })
  expect(readConfig({ DATABASE_URL: url, DATABASE_DIRECT_URL: directUrl }).database).toEqual({
    kind: 'postgres',
    url,
    directUrl,
  })
})

test.each([
  [{}, '*'],
  [{ NODE_ENV: 'production' }, []],
  [{ NODE_ENV: 'production', CORS_ORIGINS: '*' }, '*'],
  [{ CORS_ORIGINS: 'none' }, []],
  [{ CORS_ORIGINS: 'https://a.example, http://localhost:3000' }, ['https://a.example', 'http://localhost:3000']],
])('%j lets the pages of %j call', (environment, origins) => {
  expect(readConfig(environment).corsOrigins).toEqual(origins)
})

test.each(['https://a.example/', 'a.example', 'null', '*,https://a.example', 'https://*.example'])(
  'CORS_ORIGINS=%s is refused: no browser sends it as an origin',
  (CORS_ORIGINS) => {
    expect(() => readConfig({ CORS_ORIGINS })).toThrow('CORS_ORIGINS must be')
  },
)

test.each([
  ['2', 2],
  ['loopback, 10.0.0.0/8', ['loopback', '10.0.0.0/8']],
])('TRUST_PROXY=%s trusts %j', (TRUST_PROXY, proxies) => {
  expect(readConfig({ TRUST_PROXY }).trustedProxies).toEqual(proxies)
})

test.each(['true', '10.0.0.0/99', 'proxy.example', '-1'])('TRUST_PROXY=%s is refused', (TRUST_PROXY) => {
  expect(() => readConfig({ TRUST_PROXY })).toThrow('TRUST_PROXY must be')
})

test('one error names all faults, and no value that may be a secret', () => {
  const environment = {
    PORT: '70000',
    PUBLIC_URL: 'https://app:hunter1@tokens.example.com',
    DATABASE_URL: 'mysql://app:hunter2@db/tokens',
    ADMIN_SECRET: 'hunter3',
    ACCESS_TOKEN_SECONDS: '1.5',
    REFRESH_TOKEN_SECONDS: '0',
    REFRESH_GRACE_SECONDS: '-1',
    FEDERATION_DIRECTIVES: 'tag,key',
  }

  expect(() => readConfig(environment)).toThrowErrorMatchingInlineSnapshot(`
    [TokenServiceError: These settings are wrong:
      - PORT must be a whole number from 0 to 65535, got \`70000\`
      - PUBLIC_URL must be an origin like https://tokens.example.com, without a path
      - DATABASE_URL must look like postgres://user:password@host:5432/database
      - ADMIN_SECRET must have 32 to 512 visible ASCII characters without spaces, got 7 characters
      - ACCESS_TOKEN_SECONDS must be a whole number from 1 to 3600, got \`1.5\`
      - REFRESH_TOKEN_SECONDS must be a whole number from 1 to 31536000, got \`0\`
      - REFRESH_GRACE_SECONDS must be a whole number from 0 to 300, got \`-1\`
      - FEDERATION_DIRECTIVES must be some of authenticated, tag, cost, with commas between, got \`key\`]
  `)
})

test.each([
  ['https://tokens.example.com', 'https://tokens.example.com'],
  ['https://tokens.example.com/', 'https://tokens.example.com'],
  ['HTTPS://Tokens.Example.Com:443', 'https://tokens.example.com'],
  ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
  ['http://[::1]:4000/', 'http://[::1]:4000'],
])('the public url %s is the origin %s', (value, origin) => {
  expect(readConfig({ PUBLIC_URL: value }).publicUrl).toBe(origin)
})

test.each([
  'tokens.example.com',
  'localhost:4000',
  'ftp://tokens.example.com',
  'https://',
  'https://tokens.example.com/oauth2',
  'https://tokens.example.com//',
  'https://tokens.example.com/?',
  'https://tokens.example.com?a=b',
  'https://tokens.example.com#',
  'https://app@tokens.example.com',
])('%s is not a public url', (value) => {
  expect(() => readConfig({ PUBLIC_URL: value })).toThrow('PUBLIC_URL must be an origin')
})

test('FEDERATION_DIRECTIVES is a list of directives with commas between', () => {
  expect(readConfig({ FEDERATION_DIRECTIVES: 'cost, authenticated' }).federationDirectives).toEqual([
    'authenticated',
    'cost',
  ])
})

test('DATABASE_DIRECT_URL is refused without DATABASE_URL', () => {
  expect(() => readConfig({ DATABASE_DIRECT_URL: 'postgres://db/tokens' })).toThrow(
    'DATABASE_DIRECT_URL is set without DATABASE_URL',
  )
})

test.each([
  ['ACCESS_TOKEN_SECONDS', ['1', '3600'], ['0', '3601', '1e3', 'twenty', '+5']],
  ['REFRESH_GRACE_SECONDS', ['0', '300'], ['301', '-0', '0x10']],
  ['PORT', ['0', '65535'], ['65536', '99999999999']],
] as const)('%s is refused outside its bounds', (name, valid, invalid) => {
  for (const value of valid) expect(() => readConfig({ [name]: value })).not.toThrow()
  for (const value of invalid) expect(() => readConfig({ [name]: value })).toThrow(name)
})
