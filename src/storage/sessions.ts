import { type SQL, sql } from 'drizzle-orm'
import type { SessionPage, StoredSession } from '../tokens/store.ts'
import { column, list } from './columns.ts'
import { hasUsername } from './count.ts'
import type { Database } from './database.ts'
import { tokenPairStates as state } from './schema.ts'

export interface SessionQuestion {
  readonly id: number
  readonly at: Date
}

/**
 * Sessions by their ids, as they are now.
 *
 * A session is what its pairs say: the first is found by its id, the others by their session's. Pairs that were spent and
 * whose access token is over say nothing any more, so at most a few are looked at, however often it was refreshed.
 */
export function prepareFindSessions({
  db,
  statementName,
}: Database): (questions: readonly SessionQuestion[]) => Promise<readonly (StoredSession | null)[]> {
  const telling = (which: SQL) => sql`
    select * from token_pair_states where ${which} and (spent_at is null or access_expires_at > named.at)`
  // Under the view's own name, so that drizzle reads its columns as the view's.
  const pairs = db.$with('token_pair_states', {}).as(sql`
    select named.place, named.at, state.*
    from unnest(${list('ids', 'bigint')}, ${list('at', 'timestamptz')}) with ordinality named (id, at, place)
    cross join lateral (
      ${telling(sql`id = named.id and session_id = named.id`)}
      union all ${telling(sql`session_id = named.id and id <> session_id`)}
    ) state`)
  const statement = db
    .with(pairs)
    .select({
      place: sql`place`.mapWith(Number),
      id: state.id,
      sessionId: state.sessionId,
      realm: state.realm,
      username: state.username,
      clientId: state.clientId,
      label: state.deviceLabel,
      userAgent: state.userAgent,
      ipAddress: state.ipAddress,
      startedAt: state.startedAt,
      issuedAt: state.issuedAt,
      expiresAt: state.expiresAt,
      coveredBy: state.coveredBy,
      isLive: sql<boolean>`(not ${state.accessInvalidated} and ${state.accessExpiresAt} > at
        or ${state.hasRefresh} and not ${state.refreshInvalidated} and ${state.spentAt} is null and ${state.expiresAt} > at)`,
    })
    .from(state)
    .orderBy(state.id)
    .prepare(statementName('sessions'))

  return async (questions) => {
    const rows = await statement.execute({
      ids: column(questions, ({ id }) => id),
      at: column(questions, ({ at }) => at.toISOString()),
    })
    const sessions = new Array<StoredSession | null>(questions.length).fill(null)
    for (const row of rows) {
      const older = sessions[row.place - 1]
      const { label, userAgent, ipAddress, startedAt, clientId, expiresAt, realm, username } = row
      sessions[row.place - 1] = {
        id: row.sessionId,
        owner: { realm, username },
        clientId,
        device: { label: label ?? undefined, userAgent: userAgent ?? undefined, ipAddress: ipAddress ?? undefined },
        startedAt,
        lastRefreshedAt: row.id === row.sessionId ? undefined : row.issuedAt,
        expiresAt,
        isLive: row.isLive || (older?.isLive ?? false),
        endedBy: row.coveredBy ?? undefined,
      }
    }
    return sessions
  }
}

/** How many sessions are looked at for one that is wanted, at first and at most. */
const spares = { first: 1, most: 64 }

/**
 * Sessions in a scope, the newest login first.
 *
 * Candidates come in order from an index, and each is then asked about. What a revocation of the whole scope ended is
 * not walked over: the list begins again below it only with the sessions that it spared.
 */
export async function listSessions(
  database: Database,
  find: (question: SessionQuestion) => Promise<StoredSession | null>,
  page: SessionPage,
): Promise<readonly StoredSession[]> {
  const found: StoredSession[] = []
  let before = page.before ?? Number.MAX_SAFE_INTEGER
  for (let factor = spares.first; found.length < page.limit; factor = Math.min(factor * 4, spares.most)) {
    const limit = (page.limit - found.length) * factor
    const ids = await listCandidates(database, { ...page, before }, limit)
    const sessions = await Promise.all(ids.map((id) => find({ id, at: page.at })))
    for (const session of sessions) if (session !== null && (page.includeEnded || session.isLive)) found.push(session)
    if (ids.length < limit) break
    before = ids.at(-1) ?? 0
  }
  return found.slice(0, page.limit)
}

async function listCandidates(
  { db }: Database,
  { scope, includeEnded, before, at }: SessionPage,
  limit: number,
): Promise<readonly number[]> {
  const realm = scope.kind === 'username' ? null : scope.realm
  const username = scope.kind === 'realm' ? null : scope.username
  const inScope = sql.join(
    [
      sql`pair.session_id < ${before}`,
      ...(realm === null ? [] : [sql`pair.realm = ${realm}`]),
      ...(username === null ? [] : [hasUsername(sql`pair`, username)]),
    ],
    sql` and `,
  )
  // "group by" reads the index in order and stops; "distinct" gathers the whole realm first. A limit that is written out
  // and no parameter tells the planner so.
  const candidates = (conditions: SQL) => sql`
    select pair.session_id from token_pairs pair where ${inScope} and ${conditions}
    group by pair.session_id order by pair.session_id desc limit ${sql.raw(String(limit))}`
  const rows = await db
    .select({ id: sql`session_id`.mapWith(Number) })
    .from(includeEnded ? sql`(${candidates(sql`true`)}) ids` : sql`(${liveCandidates(candidates)}) ids`)
    .orderBy(sql`session_id desc`)
    .limit(limit)
  return rows.map(({ id }) => id)

  function liveCandidates(select: (conditions: SQL) => SQL): SQL {
    const isWhole = sql`selector = 'owner' and (realm is null or realm = ${realm}::text)
      and (username is null or username = ${username}::text)`
    const floor = sql`(select coalesce(max(bound), 0) from revocations where ${isWhole})`
    const isOpen = sql`pair.expires_at > ${at.toISOString()}::timestamptz and not exists (
      select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id)`
    const spared = sql`(select spared_session_id from revocations
      where ${isWhole} and spared_session_id is not null)`
    return sql`
      select session_id from (${select(sql`pair.session_id >= ${floor} and ${isOpen}`)}) above
      union all
      select session_id from (${select(sql`pair.session_id < ${floor} and pair.session_id in ${spared} and ${isOpen}`)}) spared`
  }
}
