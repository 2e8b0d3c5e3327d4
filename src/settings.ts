import { optionalDirectives } from './graph/optional-directives.ts'
import { defaultGraphqlBytes } from './http/body.ts'
import { defaultRateLimits } from './http/rate-limits.ts'
import { clientSecretRule } from './tokens/clients.ts'
import { lifetimeRanges } from './tokens/pair.ts'

/** A setting that is a whole number. */
interface NumberSetting {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly description: string
}

/** A setting that is text. */
interface TextSetting {
  /** The value that stands for a missing one. */
  readonly default?: string
  /** What happens without a value, where no single value stands for it. */
  readonly without?: string
  readonly accepts: string
  readonly description: string
}

function rateLimitRange(limit: keyof typeof defaultRateLimits) {
  return { default: defaultRateLimits[limit], min: 0, max: 100_000_000 }
}

/**
 * Every setting: its default, its bounds and what it does. `readConfig` reads by this table, and `npm run docs` prints
 * it as docs/settings.md, in this order.
 */
export const settings = {
  PORT: { default: 4000, min: 0, max: 65_535, description: 'The port to listen on; 0 for any free port.' },
  HOST: {
    default: '127.0.0.1',
    accepts: 'an address or a host name',
    description: 'The address to listen on; `0.0.0.0` or `::` for every address of the machine.',
  },
  PUBLIC_URL: {
    without: 'the origin of each request',
    accepts: 'an origin like `https://tokens.example.com`, without a path',
    description:
      'The origin by which OAuth clients know the service: the `issuer` of its [metadata](oauth.md#what-to-know).',
  },
  CORS_ORIGINS: {
    without: '`*`; in production `none`',
    accepts: '`*`, `none`, or origins like `https://app.example.com`, with commas between',
    description: 'The origins whose pages may call the service (CORS). Cookies are never involved.',
  },
  TRUST_PROXY: {
    without: 'no proxy',
    accepts:
      'how many proxies there are, or their addresses and networks with commas between, as `loopback, 10.0.0.0/8`',
    description:
      'The proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed: [behind a proxy](operate.md#behind-a-proxy).',
  },
  DATABASE_URL: {
    without: 'the embedded database',
    accepts: '`postgres://user:password@host:5432/database`',
    description:
      'PostgreSQL 15 or newer. Its role owns the database, or has `CREATE` on it and on the schema `public`: [the role](operate.md#the-database).',
  },
  DATABASE_DIRECT_URL: {
    without: 'the same as `DATABASE_URL`',
    accepts: 'as `DATABASE_URL`',
    description:
      'Set it when `DATABASE_URL` leads to a [pooler in transaction mode](scaling.md#behind-a-pooler): the way past it, for migrations and for LISTEN. Statements on pooled connections are then not named.',
  },
  DATA_DIR: {
    default: '.data',
    accepts: 'a folder',
    description: 'The folder of the embedded database. One process at a time can open it.',
  },
  NODE_ENV: {
    without: 'development',
    accepts: '`production`, or any other word',
    description:
      'In `production` strangers are [shown less](operate.md#production): it decides the defaults of `CORS_ORIGINS`, `GRAPHIQL`, `INTROSPECTION` and `GRAPHQL_GET`.',
  },
  GRAPHIQL: {
    without: '`on`; in production `off`',
    accepts: '`on` or `off`',
    description: 'Whether the page GraphiQL is served. It contains the schema.',
  },
  INTROSPECTION: {
    without: '`everyone`; in production `managers`',
    accepts: '`everyone` or `managers`',
    description:
      'Who may read the schema, by introspection or by `_service`: everyone, or callers with the scope `manage_token`. Only everyone gets suggestions for misspelt names.',
  },
  GRAPHQL_GET: {
    without: '`any`; in production `preflight`',
    accepts: '`any` or `preflight`',
    description:
      'Which operations are answered by GET: any, or those with the header `apollo-require-preflight` or `x-apollo-operation-name`, which a page of another site cannot send unasked.',
  },
  MAX_QUERY_COST: {
    default: 10_000,
    min: 100,
    max: 1_000_000,
    description:
      'The most that a GraphQL operation may [cost](frontend.md#what-an-operation-may-cost). A dearer one is refused before it runs.',
  },
  MAX_GRAPHQL_BYTES: {
    default: defaultGraphqlBytes,
    min: 16_384,
    max: 16_777_216,
    description:
      'The longest body of a GraphQL request. Gateways join thousands of entities in one request; all other routes read 64 KiB.',
  },
  RATE_LIMIT_FAILURES: {
    ...rateLimitRange('failures'),
    description:
      'How many authentications an address may fail a minute, ten of them with the id of one client; 0 for no limit. [Limits](operate.md#limits).',
  },
  RATE_LIMIT_ANONYMOUS: {
    ...rateLimitRange('anonymous'),
    description: 'How many points an address may spend a minute without credentials; 0 for no limit.',
  },
  RATE_LIMIT_OWNER: {
    ...rateLimitRange('owner'),
    description: 'How many points an owner may spend a minute; 0 for no limit.',
  },
  RATE_LIMIT_CLIENT: {
    ...rateLimitRange('client'),
    description: 'How many points a client may spend a minute; 0 for no limit.',
  },
  RATE_LIMIT_STORE: {
    default: 'memory',
    accepts: '`memory` or `database`',
    description:
      'Where failed authentications are counted: in the memory of each instance, or in the database for all instances together. Only requests that fail ask the database, and those of a client that has failed at the same address within a minute.',
  },
  ADMIN_SECRET: {
    without: 'a secret is made at the first start, while there is no client, and printed once',
    accepts: clientSecretRule,
    description:
      'Sets the secret of the client `admin` at every start, and enables the client. Use it too when the printed secret was lost.',
  },
  ACCESS_TOKEN_SECONDS: {
    ...lifetimeRanges.accessTokenSeconds,
    description: 'How long an access token lives.',
  },
  REFRESH_TOKEN_SECONDS: {
    ...lifetimeRanges.refreshTokenSeconds,
    description: 'How long a refresh token lives: not less than `ACCESS_TOKEN_SECONDS`, and at most a year.',
  },
  REFRESH_GRACE_SECONDS: {
    ...lifetimeRanges.refreshGraceSeconds,
    description: 'How long a spent refresh token is still answered with [the same pair](invalidate.md#refreshing).',
  },
  REVOCATION_DAYS: {
    default: 30,
    min: 0,
    max: 3650,
    description:
      'How long the record of an invalidation is kept. It is kept at least as long as anything that it covers may be alive.',
  },
  LOG_REQUESTS: {
    without: '`off`; in production `on`',
    accepts: '`on` or `off`',
    description: 'Whether each request is a line of the [log](operate.md#the-log).',
  },
  LOG_LEVEL: {
    default: 'info',
    accepts: '`debug`, `info`, `warn`, `error` or `silent`',
    description: 'Lines below this level are not written. `debug` also has the requests to `/health` and `/ready`.',
  },
  LOG_FORMAT: {
    default: 'auto',
    accepts: '`json`, `pretty` or `auto`: `pretty` at a terminal, otherwise `json`',
    description: 'How a line of the log is written: as an object of JSON, or for a person.',
  },
  METRICS_PORT: {
    default: 0,
    min: 0,
    max: 65_535,
    description: 'The port of the [metrics](metrics.md), without credentials; 0 for no metrics.',
  },
  METRICS_HOST: {
    default: '127.0.0.1',
    accepts: 'an address or a host name',
    description: 'The address on which the metrics are served.',
  },
  MAX_CONNECTIONS: {
    default: 4_096,
    min: 16,
    max: 1_000_000,
    description: 'The most connections at a time. A further one is closed at once.',
  },
  MAX_STREAMS: {
    default: 2_000,
    min: 0,
    max: 1_000_000,
    description:
      'The most open [subscriptions](gateways.md) of this process; each takes some 40 KB. A further one is a 503.',
  },
  MAX_STREAMS_PER_CALLER: {
    default: 100,
    min: 0,
    max: 1_000_000,
    description: 'The most open subscriptions of one client or of one owner. A further one is a 429.',
  },
  FEDERATION_DIRECTIVES: {
    without: 'none',
    accepts: `any of ${optionalDirectives.map((name) => `\`${name}\``).join(', ')}, with commas between`,
    description:
      'Directives for gateways that are added to the subgraph’s SDL: [supergraph](supergraph.md#optional-directives).',
  },
} as const satisfies Readonly<Record<string, NumberSetting | TextSetting>>

export type SettingName = keyof typeof settings

/** The names of settings that are whole numbers. */
export type NumberSettingName = {
  readonly [Name in SettingName]: (typeof settings)[Name] extends NumberSetting ? Name : never
}[SettingName]
