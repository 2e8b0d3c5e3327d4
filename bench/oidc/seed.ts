import { createHash } from 'node:crypto'
import type pg from 'pg'

/** The only client, to which all seeded tokens belong. */
export const oidcClient = { client_id: 'bench', client_secret: 'a-secret-for-the-benchmark-of-40-letters' }

/** Ids are hashes of numbers, so that SQL and this module compute the same ones. */
export type SeededKind = 'token' | 'refresh' | 'grant'

export function seededId(kind: SeededKind, number: number): string {
  return createHash('sha256').update(`${kind} ${number}`).digest('base64url')
}

const idInSql = (kind: SeededKind) =>
  `translate(rtrim(encode(sha256(convert_to('${kind} ' || number, 'UTF8')), 'base64'), '='), '+/', '-_')`

/**
 * Inserts `count` access tokens of the client itself (client credentials), and as many refresh tokens, each with a
 * grant.
 *
 * The client's own tokens are the cheapest for node-oidc-provider: a token with a grant takes it more queries to end or
 * to look up.
 */
export async function seedOidc(client: pg.Client, count: number): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  const life = { iat: now, exp: now + 6 * 3600, clientId: oidcClient.client_id }
  const login = { ...life, accountId: 'alice' }
  await insert(client, count, {
    kind: 'token',
    type: 'ClientCredentials',
    payload: { ...life, kind: 'ClientCredentials', scope: 'read', extra: {} },
  })
  await insert(client, count, {
    kind: 'grant',
    type: 'Grant',
    payload: { ...login, kind: 'Grant', openid: { scope: 'offline_access read' } },
  })
  await insert(client, count, {
    kind: 'refresh',
    type: 'RefreshToken',
    payload: { ...login, kind: 'RefreshToken', gty: 'authorization_code', scope: 'offline_access read', iiat: now },
  })
  await client.query('vacuum (freeze, analyze) oidc_payloads')
}

interface Rows {
  readonly kind: SeededKind
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

async function insert(client: pg.Client, count: number, { kind, type, payload }: Rows): Promise<void> {
  const grantId = kind === 'refresh' ? idInSql('grant') : 'null::text'
  await client.query(
    `insert into oidc_payloads (id, type, payload, grant_id, expires_at)
    select id, $1, jsonb_strip_nulls($2::jsonb || jsonb_build_object('jti', id, 'grantId', grant_id)), grant_id,
      to_timestamp(($2::jsonb->>'exp')::bigint)
    from (select ${idInSql(kind)} as id, ${grantId} as grant_id from generate_series(1, $3::bigint) number) numbered`,
    [type, JSON.stringify(payload), count],
  )
}
