import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { OwnerScope } from '../../src/tokens/owner.ts'
import type { Contestant, HandedOut, RaceTarget } from './contestant.ts'

/** What both rivals keep: one table that flags its halves. A row knows its session, and when its login was made. */
export async function createRivalTable(databaseUrl: string): Promise<void> {
  await withPool(databaseUrl, async (pool) => {
    await pool.query(`create table rival_pairs (
      id bigserial primary key, session text not null, login_at timestamptz not null,
      realm text not null, username text not null,
      access text not null unique, refresh text not null unique,
      access_dead boolean not null default false, refresh_dead boolean not null default false,
      successor_access text, successor_refresh text)`)
    await pool.query('create index on rival_pairs (realm, username)')
    await pool.query('create index on rival_pairs (session)')
  })
}

/** One process's worth of it: a pool of its own, closed after `use`. */
export async function withPool<Answer>(databaseUrl: string, use: (pool: pg.Pool) => Promise<Answer>): Promise<Answer> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
  // `end` answers before the server has let go of its connections; its farewell must not end the program.
  pool.on('error', () => undefined)
  try {
    return await use(pool)
  } finally {
    await pool.end()
  }
}

export interface Row {
  readonly id: string
  readonly session: string
  readonly login_at: Date
  readonly realm: string
  readonly username: string
  readonly access_dead: boolean
  readonly refresh_dead: boolean
  readonly successor_access: string | null
  readonly successor_refresh: string | null
}

/** What a sweep or the end of a session covers, by `reachValues`. */
export const inReach = `($1::text is null or realm = $1) and ($2::text is null or username = $2)
  and ($3::text is null or session = $3) and ($4::text is null or session <> $4)
  and ($5::timestamptz is null or login_at < $5)`

/**
 * Whom a target covers; undefined: who asks is not logged in any more. That is looked up first, as it is by a layer that
 * stands before the service.
 */
export async function reachValues(
  pool: pg.Pool,
  target: Extract<RaceTarget, { readonly kind: 'session' | 'owner' }>,
): Promise<readonly unknown[] | undefined> {
  if (target.kind === 'session') return [null, null, target.pair.session, null, null]
  const { keeping, issuedBefore = null } = target
  if (keeping === undefined) return [...scopeValues(target.scope), null, null, issuedBefore]
  const asked = 'select session from rival_pairs where access = $1 and not access_dead'
  const session = (await pool.query<Row>(asked, [keeping])).rows[0]?.session
  return session === undefined ? undefined : [...scopeValues(target.scope), null, session, issuedBefore]
}

function scopeValues(scope: OwnerScope): readonly (string | null)[] {
  return [scope.kind === 'username' ? null : scope.realm, scope.kind === 'realm' ? null : scope.username]
}

export function mint(): Omit<HandedOut, 'session'> {
  return { access: randomUUID(), refresh: randomUUID() }
}

/** Where there is nothing to get wrong. */
export function createShared(pool: pg.Pool): Pick<Contestant, 'issue' | 'isActive'> {
  return {
    issue: async ({ realm, username }) => {
      const pair = { ...mint(), session: randomUUID() }
      await pool.query(
        'insert into rival_pairs (realm, username, access, refresh, session, login_at) values ($1, $2, $3, $4, $5, $6)',
        [realm, username, pair.access, pair.refresh, pair.session, new Date()],
      )
      return pair
    },
    isActive: async (token) => {
      const { rowCount } = await pool.query(
        `select from rival_pairs where access = $1 and not access_dead
           or refresh = $1 and not refresh_dead and successor_access is null`,
        [token],
      )
      return rowCount === 1
    },
  }
}
