import { type SQL, sql } from 'drizzle-orm'
import type { SessionsQuery, StoredSession } from '../tokens/store.ts'
import { askOnce, createBatcher } from './batch.ts'
import { column, instantOf, list, optimizationFence } from './columns.ts'
import type { Database } from './engine/database.ts'
import { tokenPairStates as state } from './schema.ts'
import { type CandidateQuestion, listCandidates, prepareOwnerCandidates } from './session-candidates.ts'

export interface SessionQuestion {
  readonly id: number
  readonly at: Date
}

/**
 * Reads sessions by their ids, in their current state.
 *
 * A session is derived from its pairs: the first is found by its id, the others by their session id. The newest pair
 * has all that is needed, except that an access token of an older pair may still be live. However often the session was
 * refreshed (its owner decides that), one row is read, and older pairs are read only up to the first live one.
 *
 * Whether a half is invalid, the view `token_pair_states` says. That one cover ends all pairs of a session is a part of
 * its rule which is restated here; `test/engines/rule.test.ts` compares the answers with the view.
 */
export function prepareFindSessions({
  db,
  statementName,
}: Database): (questions: readonly SessionQuestion[]) => Promise<readonly (StoredSession | null)[]> {
  const ofSession = (select: SQL) => sql`
    ${select} where id = named.id and session_id = named.id
    union all ${select} where session_id = named.id and id <> session_id`
  // The query has the view's own name, so that drizzle decodes its columns as those of the view.
  const pairs = db.$with('token_pair_states', {}).as(sql`
    select named.place, state.*,
      case
        when state.covered_by is not null then false
        when not state.access_invalidated and state.access_expires_at > named.at then true
        when state.has_refresh and not state.refresh_invalidated and state.spent_at is null
          and state.expires_at > named.at then true
        else exists (
          select from (${ofSession(sql`select access_invalidated, access_expires_at from token_pair_states`)}) pair
          where not access_invalidated and access_expires_at > named.at)
      end as is_live
    from unnest(${list('ids', 'bigint')}, ${list('at', 'timestamptz')}) with ordinality named (id, at, place)
    cross join lateral (
      select slot, id from (${ofSession(sql`select slot, id from token_pairs`)} ${optimizationFence}) pair order by id desc limit 1
    ) newest
    cross join lateral (
      select * from token_pair_states where slot = newest.slot and id = newest.id limit 1
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
      startedAt: instantOf(state.startedAt),
      issuedAt: instantOf(state.issuedAt),
      expiresAt: instantOf(state.expiresAt),
      coveredBy: state.coveredBy,
      isLive: sql<boolean>`is_live`,
    })
    .from(state)
    .prepare(statementName('sessions'))

  return async (questions) => {
    const rows = await statement.execute({
      ids: column(questions, ({ id }) => id),
      at: column(questions, ({ at }) => at.toISOString()),
    })
    const sessions = new Array<StoredSession | null>(questions.length).fill(null)
    for (const row of rows) {
      const { label, userAgent, ipAddress, startedAt, clientId, expiresAt, realm, username, isLive } = row
      sessions[row.place - 1] = {
        id: row.sessionId,
        owner: { realm, username },
        clientId,
        device: { label: label ?? undefined, userAgent: userAgent ?? undefined, ipAddress: ipAddress ?? undefined },
        startedAt,
        lastRefreshedAt: row.id === row.sessionId ? undefined : row.issuedAt,
        expiresAt,
        isLive,
        endedBy: row.coveredBy ?? undefined,
      }
    }
    return sessions
  }
}

/** How many candidates are read for each session that is still missing, at first and at most. */
const factors = { first: 1, max: 64 }

/** Lists the sessions in a scope, newest login first: it reads candidates in order, then the state of each. */
export function prepareListSessions(
  database: Database,
  find: (question: SessionQuestion) => Promise<StoredSession | null>,
): (query: SessionsQuery) => Promise<readonly StoredSession[]> {
  const ofOwner = createBatcher(askOnce(prepareOwnerCandidates(database)), {
    name: 'list_sessions',
    observer: database.observer,
  })
  const listIds = ({ scope, ...question }: CandidateQuestion) =>
    scope.kind === 'realm-user' ? ofOwner({ scope, ...question }) : listCandidates(database, { scope, ...question })

  return async (query) => {
    const { includeEnded, limit, at } = query
    const found: StoredSession[] = []
    let before = query.before ?? Number.MAX_SAFE_INTEGER
    for (let factor = factors.first; found.length < limit; factor = Math.min(factor * 4, factors.max)) {
      const most = (limit - found.length) * factor
      const ids = await listIds({ ...query, before, limit: most })
      const sessions = await Promise.all(ids.map((id) => find({ id, at })))
      for (const session of sessions) if (session !== null && (includeEnded || session.isLive)) found.push(session)
      if (ids.length < most) break
      before = ids.at(-1) ?? 0
    }
    return found.slice(0, limit)
  }
}
