import type pg from 'pg'
import type { Contestant, HandedOut, RaceTarget } from './contestant.ts'
import { createShared, inReach, mint, type Row, reachValues } from './rival-table.ts'

/**
 * What the referee must catch, or it could not see: two token services as they are usually written. The naive one
 * selects, checks and updates. The careful one has one atomic statement for each verb (at READ COMMITTED, Postgres's
 * default), and a refresh still escapes a sweep whose snapshot can't see its successor.
 *
 * Both play the whole storm: they end sessions, spare the one that asks, and know an instant.
 */
export const rivals = { naive: createNaive, careful: createCareful } as const

type Reach = Extract<RaceTarget, { readonly kind: 'session' | 'owner' }>

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
  const endReach = async (target: Reach) => {
    const values = await reachValues(pool, target)
    if (values === undefined) return undefined
    const { rows } = await pool.query<Row>(
      `select * from rival_pairs where ${inReach} and not (access_dead and refresh_dead)`,
      [...values],
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
      const { id, session, login_at, realm, username, successor_access, successor_refresh } = row
      if (successor_access !== null && successor_refresh !== null)
        return { access: successor_access, refresh: successor_refresh, session }
      const { access, refresh } = mint()
      await pool.query(
        'insert into rival_pairs (realm, username, access, refresh, session, login_at) values ($1, $2, $3, $4, $5, $6)',
        [realm, username, access, refresh, session, login_at],
      )
      await pool.query('update rival_pairs set successor_access = $1, successor_refresh = $2 where id = $3', [
        access,
        refresh,
        id,
      ])
      return { access, refresh, session }
    },
    invalidate: async (target) => {
      if (target.kind === 'session' || target.kind === 'owner') return endReach(target)
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
  const endReach = async (target: Reach) => {
    const values = await reachValues(pool, target)
    if (values === undefined) return undefined
    return count(
      `with found as materialized (
         select * from rival_pairs where ${inReach} and not (access_dead and refresh_dead) order by id for update),
       ended as (update rival_pairs set access_dead = true, refresh_dead = true where id in (select id from found))
       select coalesce(sum((not access_dead)::int + (not refresh_dead)::int), 0)::int as invalidated,
         coalesce(sum(access_dead::int + refresh_dead::int), 0)::int as previously from found`,
      values,
    )
  }

  return {
    ...createShared(pool),
    refresh: async (refreshToken) => {
      const { access, refresh } = mint()
      const { rows } = await pool.query<HandedOut>(
        `with spent as (
           update rival_pairs set successor_access = $2, successor_refresh = $3
           where refresh = $1 and not refresh_dead and successor_access is null
           returning realm, username, session, login_at)
         insert into rival_pairs (realm, username, access, refresh, session, login_at)
         select realm, username, $2, $3, session, login_at from spent returning access, refresh, session`,
        [refreshToken, access, refresh],
      )
      if (rows[0] !== undefined) return rows[0]
      const replayed = await pool.query<HandedOut>(
        `select successor_access as access, successor_refresh as refresh, session from rival_pairs
         where refresh = $1 and not refresh_dead and successor_access is not null`,
        [refreshToken],
      )
      return replayed.rows[0]
    },
    invalidate: async (target) => {
      if (target.kind === 'session' || target.kind === 'owner') return endReach(target)
      return endHalf(target.kind === 'access-token' ? 'access' : 'refresh', target.token)
    },
  }
}
