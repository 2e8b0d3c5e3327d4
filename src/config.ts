import { readEnvFile } from './env-file.ts'
import { type OptionalDirective, optionalDirectives } from './graph/optional-directives.ts'
import type { AllowedOrigins } from './http/cors.ts'
import { type Exposure, openExposure, productionExposure } from './http/exposure.ts'
import type { RateLimitSettings } from './http/rate-limits.ts'
import type { MetricsLocation } from './observability/observability.ts'
import { createTrust, type TrustedProxies } from './server/forwarded.ts'
import { type NumberSettingName, type SettingName, settings } from './settings.ts'
import type { DatabaseLocation } from './storage/engine/database.ts'
import type { LogSettings } from './telemetry.ts'
import { clientSecretRule, describeWrongSecret, isClientSecret } from './tokens/clients.ts'
import { TokenServiceError } from './tokens/errors.ts'
import type { Lifetimes } from './tokens/pair.ts'

/** The settings of the service. */
export interface Config {
  readonly port: number
  readonly host: string
  /** The origin under which OAuth clients reach this service. */
  readonly publicUrl: string | undefined
  /** The origins whose pages may read answers. */
  readonly corsOrigins: AllowedOrigins
  /** The proxies whose `X-Forwarded-…` headers are believed. */
  readonly trustedProxies: TrustedProxies
  readonly database: DatabaseLocation
  /** The admin client's secret; if undefined, a secret is generated at the first start. */
  readonly adminSecret: string | undefined
  readonly lifetimes: Lifetimes
  /** How many days the log keeps a revocation at least. */
  readonly revocationDays: number
  /** What is shown to whom. */
  readonly exposure: Exposure
  /** The most that a GraphQL operation may cost. */
  readonly maxQueryCost: number
  /** The most connections, the most streams, and the most streams of one caller. */
  readonly maxConnections: number
  readonly maxStreams: number
  readonly maxStreamsPerCaller: number
  /** The longest body of a GraphQL request. */
  readonly maxGraphqlBytes: number
  /** How many points a minute: see `RATE_LIMIT_OWNER` and its like. */
  readonly rateLimits: RateLimitSettings
  /** Whether failed authentications are counted for all instances together. */
  readonly countsFailuresTogether: boolean
  readonly log: LogSettings
  /** Where metrics are served; undefined for none. */
  readonly metrics: MetricsLocation | undefined
  /** Optional directives that the subgraph's SDL contains for the composer. */
  readonly federationDirectives: readonly OptionalDirective[]
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The process's environment and a `.env` file in the working folder. If both set a variable, the environment wins.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: the file cannot be read, or is not understood
 */
export function readEnvironment(): Environment {
  return { ...readEnvFile('.env'), ...process.env }
}

/**
 * Reads the settings from an environment. The error names all faults at once, so that an operator can correct them
 * together and not one at each start.
 *
 * @throws TokenServiceError ERR_CONFIGURATION
 */
export function readConfig(environment: Environment): Config {
  const faults: string[] = []
  const text = (name: SettingName) => environment[name]?.trim() || undefined
  const list = (name: SettingName) => text(name)?.split(/\s*,\s*/) ?? []
  const isProduction = text('NODE_ENV') === 'production'

  const config: Config = {
    port: wholeNumber('PORT'),
    host: text('HOST') ?? settings.HOST.default,
    publicUrl: readPublicUrl(),
    corsOrigins: readCorsOrigins(),
    trustedProxies: readTrustedProxies(),
    database: readDatabase(),
    adminSecret: readAdminSecret(),
    lifetimes: {
      accessTokenSeconds: wholeNumber('ACCESS_TOKEN_SECONDS'),
      refreshTokenSeconds: wholeNumber('REFRESH_TOKEN_SECONDS'),
      refreshGraceSeconds: wholeNumber('REFRESH_GRACE_SECONDS'),
    },
    revocationDays: wholeNumber('REVOCATION_DAYS'),
    exposure: readExposure(),
    maxQueryCost: wholeNumber('MAX_QUERY_COST'),
    maxConnections: wholeNumber('MAX_CONNECTIONS'),
    maxStreams: wholeNumber('MAX_STREAMS'),
    maxStreamsPerCaller: wholeNumber('MAX_STREAMS_PER_CALLER'),
    maxGraphqlBytes: wholeNumber('MAX_GRAPHQL_BYTES'),
    rateLimits: {
      failures: wholeNumber('RATE_LIMIT_FAILURES'),
      anonymous: wholeNumber('RATE_LIMIT_ANONYMOUS'),
      owner: wholeNumber('RATE_LIMIT_OWNER'),
      client: wholeNumber('RATE_LIMIT_CLIENT'),
    },
    countsFailuresTogether: oneOf('RATE_LIMIT_STORE', ['memory', 'database'], 'memory') === 'database',
    log: {
      level: oneOf('LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'silent'], settings.LOG_LEVEL.default),
      format: oneOf('LOG_FORMAT', ['json', 'pretty', 'auto'], 'auto'),
      requests: oneOf('LOG_REQUESTS', ['on', 'off'], isProduction ? 'on' : 'off') === 'on',
    },
    metrics: readMetrics(),
    federationDirectives: readDirectives(),
  }
  const { accessTokenSeconds, refreshTokenSeconds } = config.lifetimes
  if (faults.length === 0 && refreshTokenSeconds < accessTokenSeconds)
    faults.push(
      `REFRESH_TOKEN_SECONDS must not be less than ACCESS_TOKEN_SECONDS, got \`${refreshTokenSeconds}\` and \`${accessTokenSeconds}\``,
    )
  if (faults.length === 0) return config
  throw new TokenServiceError(
    'ERR_CONFIGURATION',
    ['These settings are wrong:', ...faults.map((fault) => `  - ${fault}`)].join('\n'),
  )

  function wholeNumber(name: NumberSettingName): number {
    const { default: fallback, min, max } = settings[name]
    const raw = text(name)
    if (raw === undefined) return fallback
    const value = /^\d{1,9}$/.test(raw) ? Number(raw) : Number.NaN
    if (value >= min && value <= max) return value
    faults.push(`${name} must be a whole number from ${min} to ${max}, got \`${raw}\``)
    return fallback
  }

  /**
   * A path is refused: RFC 8414 §3 puts the metadata of an issuer with a path at another URL than the one served here.
   */
  function readPublicUrl(): string | undefined {
    const raw = text('PUBLIC_URL')
    if (raw === undefined) return undefined
    const { protocol, origin, href } = URL.canParse(raw) ? new URL(raw) : noUrl
    // The message does not repeat the value: by mistake it may contain a password.
    if (!/^https?:$/.test(protocol) || href !== `${origin}/`)
      faults.push('PUBLIC_URL must be an origin like https://tokens.example.com, without a path')
    return origin
  }

  function readCorsOrigins(): AllowedOrigins {
    const given = text('CORS_ORIGINS') ?? (isProduction ? 'none' : '*')
    if (given === '*') return given
    const origins = given === 'none' ? [] : list('CORS_ORIGINS')
    const wrong = origins.filter((origin) => !/^https?:[^*]*$/.test(origin) || originOf(origin) !== origin)
    if (wrong.length > 0)
      faults.push('CORS_ORIGINS must be *, none, or origins like https://app.example.com, with commas between')
    return origins
  }

  function readTrustedProxies(): TrustedProxies {
    const raw = text('TRUST_PROXY') ?? '0'
    if (/^\d{1,2}$/.test(raw)) return Number(raw)
    try {
      createTrust(list('TRUST_PROXY'))
    } catch {
      faults.push(`TRUST_PROXY must be a number, or addresses and networks with commas between, got \`${raw}\``)
    }
    return list('TRUST_PROXY')
  }

  function readDatabase(): DatabaseLocation {
    const url = postgresUrl('DATABASE_URL')
    const directUrl = postgresUrl('DATABASE_DIRECT_URL')
    if (directUrl !== undefined && url === undefined)
      faults.push(
        'DATABASE_DIRECT_URL is set without DATABASE_URL: it is the direct connection to a database that DATABASE_URL reaches by a pooler',
      )
    if (url === undefined) return { kind: 'embedded', folder: text('DATA_DIR') ?? settings.DATA_DIR.default }
    return { kind: 'postgres', url, directUrl: directUrl ?? url }
  }

  function postgresUrl(name: 'DATABASE_URL' | 'DATABASE_DIRECT_URL'): string | undefined {
    const raw = text(name)
    if (raw === undefined) return undefined
    // The message does not repeat the value: it usually contains a password.
    if (!/^postgres(ql)?:$/.test(URL.canParse(raw) ? new URL(raw).protocol : ''))
      faults.push(`${name} must look like postgres://user:password@host:5432/database`)
    return raw
  }

  function readAdminSecret(): string | undefined {
    const secret = text('ADMIN_SECRET')
    if (secret !== undefined && !isClientSecret(secret))
      faults.push(`ADMIN_SECRET must have ${clientSecretRule}, got ${describeWrongSecret(secret)}`)
    return secret
  }

  function readExposure(): Exposure {
    const { graphiql, introspection, graphqlGet } = isProduction ? productionExposure : openExposure
    return {
      graphiql: oneOf('GRAPHIQL', ['on', 'off'], graphiql ? 'on' : 'off') === 'on',
      introspection: oneOf('INTROSPECTION', ['everyone', 'managers'], introspection),
      graphqlGet: oneOf('GRAPHQL_GET', ['any', 'preflight'], graphqlGet),
    }
  }

  function oneOf<Word extends string>(name: SettingName, words: readonly Word[], fallback: Word): Word {
    const raw = text(name)
    const word = words.find((one) => one === raw)
    if (raw !== undefined && word === undefined) faults.push(`${name} must be ${words.join(' or ')}, got \`${raw}\``)
    return word ?? fallback
  }

  function readMetrics(): MetricsLocation | undefined {
    const port = wholeNumber('METRICS_PORT')
    const host = text('METRICS_HOST') ?? settings.METRICS_HOST.default
    return port === 0 ? undefined : { port, host }
  }

  function readDirectives(): readonly OptionalDirective[] {
    const names = list('FEDERATION_DIRECTIVES')
    const unknownNames = names.filter((name) => !optionalDirectives.some((directive) => directive === name))
    if (unknownNames.length > 0)
      faults.push(
        `FEDERATION_DIRECTIVES must be some of ${optionalDirectives.join(', ')}, with commas between, got \`${unknownNames.join(', ')}\``,
      )
    return optionalDirectives.filter((directive) => names.includes(directive))
  }
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined
}

const noUrl = { protocol: '', origin: '', href: '' } as const
