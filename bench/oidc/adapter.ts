import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'
import type pg from 'pg'

/**
 * node-oidc-provider's storage on PostgreSQL, designed like its community adapters: one table for all models, with the
 * payload as jsonb and a column for each key that is searched by. Statements are prepared once for each connection.
 */
export const tables = `
  create table oidc_payloads (
    id text not null,
    type text not null,
    payload jsonb not null,
    grant_id text,
    user_code text,
    uid text,
    expires_at timestamptz,
    consumed_at timestamptz,
    primary key (id, type)
  );
  create index oidc_payloads_grant_id on oidc_payloads (grant_id) where grant_id is not null;
  create index oidc_payloads_user_code on oidc_payloads (user_code) where user_code is not null;
  create index oidc_payloads_uid on oidc_payloads (uid) where uid is not null;
`

interface Row {
  readonly payload: AdapterPayload
  readonly expires_at: Date | null
  readonly consumed_at: Date | null
}

const selecting = 'select payload, expires_at, consumed_at from oidc_payloads'

export function createAdapterFactory(pool: pg.Pool): AdapterFactory {
  return (type) => createAdapter(pool, type)
}

function createAdapter(pool: pg.Pool, type: string): Adapter {
  const find = async (name: string, text: string, value: string) => {
    const { rows } = await pool.query<Row>({ name, text, values: [value, type] })
    return readRow(rows[0])
  }
  return {
    upsert: (id, payload, expiresIn) => upsert(pool, { type, id, payload, expiresIn }),
    find: (id) => find('find', `${selecting} where id = $1 and type = $2`, id),
    findByUid: (uid) => find('find_by_uid', `${selecting} where uid = $1 and type = $2`, uid),
    findByUserCode: (code) => find('find_by_user_code', `${selecting} where user_code = $1 and type = $2`, code),
    consume: async (id) => {
      const text = 'update oidc_payloads set consumed_at = now() where id = $1 and type = $2'
      await pool.query({ name: 'consume', text, values: [id, type] })
    },
    destroy: async (id) => {
      const text = 'delete from oidc_payloads where id = $1 and type = $2'
      await pool.query({ name: 'destroy', text, values: [id, type] })
    },
    revokeByGrantId: async (grantId) => {
      const text = 'delete from oidc_payloads where grant_id = $1 and type = $2'
      await pool.query({ name: 'revoke_by_grant_id', text, values: [grantId, type] })
    },
  }
}

interface Upsert {
  readonly type: string
  readonly id: string
  readonly payload: AdapterPayload
  readonly expiresIn: number | undefined
}

async function upsert(pool: pg.Pool, { type, id, payload, expiresIn }: Upsert): Promise<void> {
  const text = `
    insert into oidc_payloads (id, type, payload, grant_id, user_code, uid, expires_at)
    values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
    on conflict (id, type) do update set payload = excluded.payload, grant_id = excluded.grant_id,
      user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at`
  const { grantId, userCode, uid } = payload
  const values = [id, type, payload, grantId, userCode, uid, expiresIn ?? null]
  await pool.query({ name: 'upsert', text, values })
}

function readRow(row: Row | undefined): AdapterPayload | undefined {
  if (row === undefined || (row.expires_at !== null && row.expires_at.getTime() <= Date.now())) return undefined
  return row.consumed_at === null ? row.payload : { ...row.payload, consumed: true }
}
