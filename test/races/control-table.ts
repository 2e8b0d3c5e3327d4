import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { SweepScope } from '../../src/tokens/coverage.ts'
import type { IssuedPair, RaceTarget, Subject } from './subject.ts'

/** The table of both controls: each row is a pair with a flag for each half, its session and the time of its login. */
export async function createControlTable(databaseUrl: string): Promise<void> {
  await withPool(databaseUrl, async (pool) => {
    await pool.query(`create table control_pairs (
      id bigserial primary key, session text not null, login_at timestamptz not null,
      realm text not null, username text not null, client text not null,
      access text not null unique, refresh text not null unique,
      access_ended boolean not null default false, refresh_ended boolean not null default false,
      successor_access text, successor_refresh text)`)
    await pool.query('create index on control_pairs (realm, username)')
    await pool.query('create index on control_pairs (session)')
  })
}

/** Opens a pool for `use` and closes it afterwards. Each simulated process has its own pool. */
export async function withPool<Answer>(databaseUrl: string, use: (pool: pg.Pool) => Promise<Answer>): Promise<Answer> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
  // `end` answers before the server has closed its connections. An error during that closing must not end the program.
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
  readonly client: string
  readonly access_ended: boolean
  readonly refresh_ended: boolean
  readonly successor_access: string | null
  readonly successor_refresh: string | null
}

/** The condition for the rows that a sweep covers. Its parameters are those of `coverageValues`. */
export const isCovered = `($1::text is null or realm = $1) and ($2::text is null or username = $2)
  and ($3::text is null or session = $3) and ($4::text is null or session <> $4)
  and ($5::timestamptz is null or login_at < $5) and ($6::text is null or client = $6)`

/**
 * The parameters of `isCovered` for this target. Undefined: the caller's session has ended. A separate statement checks
 * that first, as a layer in front of a service would.
 */
export async function coverageValues(
  pool: pg.Pool,
  target: Extract<RaceTarget, { readonly kind: 'session' | 'sweep' }>,
): Promise<readonly unknown[] | undefined> {
  if (target.kind === 'session') return [null, null, target.pair.session, null, null, null]
  const { keeping, issuedBefore = null } = target
  if (keeping === undefined) return [...namesOf(target.scope), null, null, issuedBefore, clientOf(target.scope)]
  const callersSession = 'select session from control_pairs where access = $1 and not access_ended'
  const session = (await pool.query<Row>(callersSession, [keeping])).rows[0]?.session
  return session === undefined
    ? undefined
    : [...namesOf(target.scope), null, session, issuedBefore, clientOf(target.scope)]
}

function namesOf(scope: SweepScope): readonly (string | null)[] {
  const hasRealm = scope.kind === 'realm' || scope.kind === 'realm-user'
  const hasUsername = scope.kind === 'username' || scope.kind === 'realm-user'
  return [hasRealm ? scope.realm : null, hasUsername ? scope.username : null]
}

function clientOf(scope: SweepScope): string | null {
  return scope.kind === 'client' ? scope.clientId : null
}

export function mint(): Omit<IssuedPair, 'session'> {
  return { access: randomUUID(), refresh: randomUUID() }
}

/** The methods that both controls share: each is one statement, in which no race is possible. */
export function createShared(pool: pg.Pool): Pick<Subject, 'issue' | 'isActive'> {
  return {
    issue: async ({ realm, username, client }) => {
      const pair = { ...mint(), session: randomUUID() }
      await pool.query(
        'insert into control_pairs (realm, username, client, access, refresh, session, login_at) values ($1, $2, $3, $4, $5, $6, $7)',
        [realm, username, client, pair.access, pair.refresh, pair.session, new Date()],
      )
      return pair
    },
    isActive: async (token) => {
      const { rowCount } = await pool.query(
        `select from control_pairs where access = $1 and not access_ended
           or refresh = $1 and not refresh_ended and successor_access is null`,
        [token],
      )
      return rowCount === 1
    },
  }
}
