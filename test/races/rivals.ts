import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { OwnerScope } from '../../src/tokens/owner.ts'
import type { Contestant, HandedOut } from './contestant.ts'

/**
 * What the referee must catch, or it could not see: two token services as they are usually written, on one table that
 * flags its halves. The naive one selects, checks and updates. The careful one has one atomic statement for each verb
 * (at READ COMMITTED, Postgres's default), and a refresh still escapes a sweep whose snapshot can't see its successor.
 */
export const rivals = { naive: createNaive, careful: createCareful } as const

export async function createRivalTable(databaseUrl: string): Promise<void> {
  await withPool(databaseUrl, async (pool) => {
    await pool.query(`create table rival_pairs (
      id bigserial primary key, realm text not null, username text not null,
      access text not null unique, refresh text not null unique,
      access_dead boolean not null default false, refresh_dead boolean not null default false,
      successor_access text, successor_refresh text)`)
    await pool.query('create index on rival_pairs (realm, username)')
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

interface Row {
  readonly id: string
  readonly realm: string
  readonly username: string
  readonly access_dead: boolean
  readonly refresh_dead: boolean
  readonly successor_access: string | null
  readonly successor_refresh: string | null
}

const inScope = '($1::text is null or realm = $1) and ($2::text is null or username = $2)'
const scopeValues = (scope: OwnerScope) => [
  scope.kind === 'username' ? null : scope.realm,
  scope.kind === 'realm' ? null : scope.username,
]
const mint = (): HandedOut => ({ access: randomUUID(), refresh: randomUUID() })

function createNaive(pool: pg.Pool): Contestant {
  const find = async (half: 'access' | 'refresh', token: string) =>
    (await pool.query<Row>(`select * from rival_pairs where ${half} = $1`, [token])).rows[0]
  const endHalf = async (half: 'access' | 'refresh', token: string) => {
    const row = await find(half, token)
    if (row === undefined) return { invalidated: 0, previouslyInvalidated: 0 }
    if (row[`${half}_dead`]) return { invalidated: 0, previouslyInvalidated: 1 }
    await pool.query(`update rival_pairs set ${half}_dead = true where id = $1`, [row.id])
    return { invalidated: 1, previouslyInvalidated: 0 }
  }
  const endOwner = async (scope: OwnerScope) => {
    const { rows } = await pool.query<Row>(
      `select * from rival_pairs where ${inScope} and not (access_dead and refresh_dead)`,
      scopeValues(scope),
    )
    await pool.query('update rival_pairs set access_dead = true, refresh_dead = true where id = any($1)', [
      rows.map(({ id }) => id),
    ])
    const previouslyInvalidated = rows.filter((row) => row.access_dead || row.refresh_dead).length
    return { invalidated: rows.length * 2 - previouslyInvalidated, previouslyInvalidated }
  }

  return {
    ...createShared(pool),
    refresh: async (refreshToken) => {
      const row = await find('refresh', refreshToken)
      if (row === undefined || row.refresh_dead) return undefined
      if (row.successor_access !== null && row.successor_refresh !== null)
        return { access: row.successor_access, refresh: row.successor_refresh }
      const pair = mint()
      await pool.query('insert into rival_pairs (realm, username, access, refresh) values ($1, $2, $3, $4)', [
        row.realm,
        row.username,
        pair.access,
        pair.refresh,
      ])
      await pool.query('update rival_pairs set successor_access = $1, successor_refresh = $2 where id = $3', [
        pair.access,
        pair.refresh,
        row.id,
      ])
      return pair
    },
    invalidate: (target) => {
      if (target.kind === 'owner') return endOwner(target.scope)
      return endHalf(target.kind === 'access-token' ? 'access' : 'refresh', target.token)
    },
  }
}

function createCareful(pool: pg.Pool): Contestant {
  const count = async (statement: string, values: readonly unknown[]) => {
    const { rows } = await pool.query<{ invalidated: number; previously: number }>(statement, [...values])
    return { invalidated: rows[0]?.invalidated ?? 0, previouslyInvalidated: rows[0]?.previously ?? 0 }
  }
  const endHalf = (half: 'access' | 'refresh', token: string) =>
    count(
      `with ended as (update rival_pairs set ${half}_dead = true where ${half} = $1 and not ${half}_dead returning id)
       select count(ended.id)::int as invalidated, (count(*) - count(ended.id))::int as previously
       from rival_pairs pair left join ended using (id) where pair.${half} = $1`,
      [token],
    )
  // The rows are locked, so what was dead before them is known for certain: the counts of one sweep are exact.
  const endOwner = (scope: OwnerScope) =>
    count(
      `with found as materialized (
         select * from rival_pairs where ${inScope} and not (access_dead and refresh_dead) order by id for update),
       ended as (update rival_pairs set access_dead = true, refresh_dead = true where id in (select id from found))
       select coalesce(sum((not access_dead)::int + (not refresh_dead)::int), 0)::int as invalidated,
         coalesce(sum(access_dead::int + refresh_dead::int), 0)::int as previously from found`,
      scopeValues(scope),
    )

  return {
    ...createShared(pool),
    refresh: async (refreshToken) => {
      const { access, refresh } = mint()
      const { rows } = await pool.query<HandedOut>(
        `with spent as (
           update rival_pairs set successor_access = $2, successor_refresh = $3
           where refresh = $1 and not refresh_dead and successor_access is null returning realm, username)
         insert into rival_pairs (realm, username, access, refresh) select realm, username, $2, $3 from spent
         returning access, refresh`,
        [refreshToken, access, refresh],
      )
      if (rows[0] !== undefined) return rows[0]
      const replayed = await pool.query<HandedOut>(
        `select successor_access as access, successor_refresh as refresh from rival_pairs
         where refresh = $1 and not refresh_dead and successor_access is not null`,
        [refreshToken],
      )
      return replayed.rows[0]
    },
    invalidate: (target) => {
      if (target.kind === 'owner') return endOwner(target.scope)
      return endHalf(target.kind === 'access-token' ? 'access' : 'refresh', target.token)
    },
  }
}

/** Where there is nothing to get wrong. */
function createShared(pool: pg.Pool): Pick<Contestant, 'issue' | 'isActive'> {
  return {
    issue: async ({ realm, username }) => {
      const { access, refresh } = mint()
      await pool.query('insert into rival_pairs (realm, username, access, refresh) values ($1, $2, $3, $4)', [
        realm,
        username,
        access,
        refresh,
      ])
      return { access, refresh }
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
