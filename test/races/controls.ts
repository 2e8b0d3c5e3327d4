import type pg from 'pg'
import { coverageValues, createShared, isCovered, mint, type Row } from './control-table.ts'
import type { IssuedPair, RaceTarget, Subject } from './subject.ts'

/**
 * Two token services as they are usually written. The referee must catch both; otherwise its silence about the service
 * would prove nothing. The naive one selects, checks and updates. The careful one has one atomic statement for each
 * verb (at READ COMMITTED, Postgres's default), and the successor that a refresh inserts still escapes a sweep whose
 * snapshot does not contain it.
 *
 * Both support every operation of a round: they end sessions, spare the caller's session and respect an instant.
 */
export const controls = { naive: createNaive, careful: createCareful } as const

type SweepTarget = Extract<RaceTarget, { readonly kind: 'session' | 'sweep' }>

function createNaive(pool: pg.Pool): Subject {
  const find = async (half: 'access' | 'refresh', token: string) =>
    (await pool.query<Row>(`select * from control_pairs where ${half} = $1`, [token])).rows[0]
  const endHalf = async (half: 'access' | 'refresh', token: string) => {
    const row = await find(half, token)
    if (row === undefined) return { invalidated: 0, previouslyInvalidated: 0 }
    if (row[`${half}_ended`]) return { invalidated: 0, previouslyInvalidated: 1 }
    await pool.query(`update control_pairs set ${half}_ended = true where id = $1`, [row.id])
    return { invalidated: 1, previouslyInvalidated: 0 }
  }
  const endCovered = async (target: SweepTarget) => {
    const values = await coverageValues(pool, target)
    if (values === undefined) return undefined
    const { rows } = await pool.query<Row>(
      `select * from control_pairs where ${isCovered} and not (access_ended and refresh_ended)`,
      [...values],
    )
    await pool.query('update control_pairs set access_ended = true, refresh_ended = true where id = any($1)', [
      rows.map(({ id }) => id),
    ])
    const previouslyInvalidated = rows.filter((row) => row.access_ended || row.refresh_ended).length
    return { invalidated: rows.length * 2 - previouslyInvalidated, previouslyInvalidated }
  }

  return {
    ...createShared(pool),
    refresh: async (refreshToken) => {
      const row = await find('refresh', refreshToken)
      if (row === undefined || row.refresh_ended) return undefined
      const { id, session, login_at, realm, username, client, successor_access, successor_refresh } = row
      if (successor_access !== null && successor_refresh !== null)
        return { access: successor_access, refresh: successor_refresh, session }
      const { access, refresh } = mint()
      await pool.query(
        'insert into control_pairs (realm, username, client, access, refresh, session, login_at) values ($1, $2, $3, $4, $5, $6, $7)',
        [realm, username, client, access, refresh, session, login_at],
      )
      await pool.query('update control_pairs set successor_access = $1, successor_refresh = $2 where id = $3', [
        access,
        refresh,
        id,
      ])
      return { access, refresh, session }
    },
    invalidate: async (target) => {
      if (target.kind === 'session' || target.kind === 'sweep') return endCovered(target)
      return endHalf(target.kind === 'access-token' ? 'access' : 'refresh', target.token)
    },
  }
}

function createCareful(pool: pg.Pool): Subject {
  const count = async (statement: string, values: readonly unknown[]) => {
    const { rows } = await pool.query<{ invalidated: number; previously: number }>(statement, [...values])
    return { invalidated: rows[0]?.invalidated ?? 0, previouslyInvalidated: rows[0]?.previously ?? 0 }
  }
  const endHalf = (half: 'access' | 'refresh', token: string) =>
    count(
      `with ended as (update control_pairs set ${half}_ended = true where ${half} = $1 and not ${half}_ended returning id)
       select count(ended.id)::int as invalidated, (count(*) - count(ended.id))::int as previously
       from control_pairs pair left join ended using (id) where pair.${half} = $1`,
      [token],
    )
  // The rows are locked before they are counted, so the counts of one sweep are exact.
  const endCovered = async (target: SweepTarget) => {
    const values = await coverageValues(pool, target)
    if (values === undefined) return undefined
    return count(
      `with found as materialized (
         select * from control_pairs where ${isCovered} and not (access_ended and refresh_ended) order by id for update),
       ended as (update control_pairs set access_ended = true, refresh_ended = true where id in (select id from found))
       select coalesce(sum((not access_ended)::int + (not refresh_ended)::int), 0)::int as invalidated,
         coalesce(sum(access_ended::int + refresh_ended::int), 0)::int as previously from found`,
      values,
    )
  }

  return {
    ...createShared(pool),
    refresh: async (refreshToken) => {
      const { access, refresh } = mint()
      const { rows } = await pool.query<IssuedPair>(
        `with spent as (
           update control_pairs set successor_access = $2, successor_refresh = $3
           where refresh = $1 and not refresh_ended and successor_access is null
           returning realm, username, client, session, login_at)
         insert into control_pairs (realm, username, client, access, refresh, session, login_at)
         select realm, username, client, $2, $3, session, login_at from spent returning access, refresh, session`,
        [refreshToken, access, refresh],
      )
      if (rows[0] !== undefined) return rows[0]
      const replayed = await pool.query<IssuedPair>(
        `select successor_access as access, successor_refresh as refresh, session from control_pairs
         where refresh = $1 and not refresh_ended and successor_access is not null`,
        [refreshToken],
      )
      return replayed.rows[0]
    },
    invalidate: async (target) => {
      if (target.kind === 'session' || target.kind === 'sweep') return endCovered(target)
      return endHalf(target.kind === 'access-token' ? 'access' : 'refresh', target.token)
    },
  }
}
