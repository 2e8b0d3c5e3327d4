import { type SQL, sql } from 'drizzle-orm'
import { type InvalidationCounts, nothingInvalidated } from '../tokens/coverage.ts'
import { createBatcher } from './batch.ts'
import { column, list, optimizationFence } from './columns.ts'
import type { Database } from './engine/database.ts'
import {
  hasClient,
  hasUsername,
  isOf,
  mayConcern,
  pairsOf,
  revocationsCovering,
  revocationsTouching,
  type ScopeColumns,
} from './sweep-scope.ts'

/**
 * What one revocation covers, as columns of its row. A session's has its owner's names, because their locks are taken.
 */
export interface Coverage extends ScopeColumns {
  readonly sessionId: number | null
  /** Sessions with an id below it. */
  readonly bound: number
  readonly sparedSessionId: number | null
}

export interface CountQuestion {
  readonly coverage: Coverage
  /** The count is a function of the log up to this revision. */
  readonly revision: number
  /** Halves that had expired by then were not live. */
  readonly at: Date
}

/** Which earlier revocations may change the count. */
interface Earlier {
  /** All sessions with an id below it were covered before. */
  readonly floor: number
  readonly hasHalves: boolean
  readonly hasSessions: boolean
  /** Whether an earlier sweep covers a part of what is counted. */
  readonly hasSweeps: boolean
}

/**
 * Counts the halves that a revocation ended: those of each pair it covers that was live when it was made.
 *
 * A pair is live if one of its halves was neither expired nor invalidated. For a live pair each half counts: newly, or
 * previously if it had its own revocation before. A pair covered by an earlier sweep is not live, so no half is counted
 * as new twice.
 *
 * It reads after the commit and holds no lock. What it counts cannot change any more, because a covered session is not
 * refreshed. A session or an owner has a handful of pairs, which are looked up one by one, by a statement that is
 * prepared and planned once: preparing it takes ten times as long as running it. A realm, a username in all realms, a
 * client and everything may have many pairs, so they are counted by a scan.
 *
 * Both ways restate the rule of the view `token_pair_states` as of a revision. `test/engines/rule.test.ts` compares
 * them.
 */
export function prepareCount(database: Database): (question: CountQuestion) => Promise<InvalidationCounts> {
  const { observer } = database
  const ofSession = createBatcher(prepareCountOf(database, 'session'), { name: 'count', observer })
  const ofOwner = createBatcher(prepareCountOf(database, 'owner'), { name: 'count', observer })

  return async (question) => {
    const { realm, username, sessionId } = question.coverage
    if (realm === null || username === null) return countByScan(database, question)
    const counted = await (sessionId === null ? ofOwner : ofSession)(question)
    return counted ?? countByScan(database, question)
  }
}

/** Above this number of pairs a scan is faster. */
const mostByKey = 1_000

type KeySelector = 'session' | 'owner'

/** Answers null if there are too many pairs. */
function prepareCountOf(
  database: Database,
  selector: KeySelector,
): (questions: readonly CountQuestion[]) => Promise<readonly (InvalidationCounts | null)[]> {
  const statement = prepareCountByKey(database, selector)

  return async (questions) => {
    const rows = await statement.execute({
      realms: column(questions, ({ coverage }) => coverage.realm),
      usernames: column(questions, ({ coverage }) => coverage.username),
      sessionIds: column(questions, ({ coverage }) => coverage.sessionId),
      bounds: column(questions, ({ coverage }) => coverage.bound),
      sparedSessionIds: column(questions, ({ coverage }) => coverage.sparedSessionId),
      revisions: column(questions, ({ revision }) => revision),
      at: column(questions, ({ at }) => at.toISOString()),
    })
    return rows.map(({ pairs, ...counts }) => (pairs === mostByKey ? null : counts))
  }
}

function prepareCountByKey({ db, statementName }: Database, selector: KeySelector) {
  const pairs = {
    session: sql`token_pairs pair where pair.session_id = asked.session_id`,
    owner: sql`${pairsOf({ realm: sql`asked.realm`, username: sql`asked.username` })} pair
      where pair.session_id is distinct from asked.spared_session_id`,
  }
  const hasEnded = (half: SQL) => sql`exists (
    select from revocations where pair_id = pair.id and selector = ${half} and revision < asked.revision ${optimizationFence})`
  const covering = revocationsCovering({
    realm: sql`pair.realm`,
    username: sql`pair.username`,
    clientId: sql`pair.client_id`,
  })
  return db
    .select({
      pairs: sql`pairs`.mapWith(Number),
      invalidated: sql`invalidated`.mapWith(Number),
      previouslyInvalidated: sql`previously_invalidated`.mapWith(Number),
    })
    .from(sql`unnest(${list('realms', 'text')}, ${list('usernames', 'text')}, ${list('sessionIds', 'bigint')},
      ${list('bounds', 'bigint')}, ${list('sparedSessionIds', 'bigint')}, ${list('revisions', 'bigint')},
      ${list('at', 'timestamptz')}
    ) with ordinality asked (realm, username, session_id, bound, spared_session_id, revision, at, place)`)
    .innerJoin(
      sql`lateral (
        select count(*) as pairs, coalesce(sum(halves - ended) filter (where is_live), 0) as invalidated,
          coalesce(sum(ended) filter (where is_live), 0) as previously_invalidated
        from (
          select 1 + has_refresh::int as halves, access_ended::int + refresh_ended::int as ended,
            not is_covered and (access_expires_at > asked.at and not access_ended or has_refresh and not refresh_ended)
              as is_live
          from (
            select * from ${pairs[selector]} and pair.realm = asked.realm and pair.session_id < asked.bound
              and pair.expires_at > asked.at limit ${sql.raw(String(mostByKey))}
          ) pair
          cross join lateral (
            select ${hasEnded(sql`'access_token'`)} as access_ended, ${hasEnded(sql`'refresh_token'`)} as refresh_ended,
              exists (
                select from revocations
                where selector = 'session' and session_id = pair.session_id and revision < asked.revision ${optimizationFence})
              or exists (
                select from ${covering} covering
                where revision < asked.revision and bound > pair.session_id
                  and spared_session_id is distinct from pair.session_id
                ${optimizationFence}) as is_covered
            ${optimizationFence}
          ) earlier
        ) states
      ) counted`,
      sql`true`,
    )
    .orderBy(sql`place`)
    .prepare(statementName(`count_of_${selector}`))
}

/**
 * The same rule, arranged for a scan. The scan of the pairs reads an index alone and ignores the log. Corrections then
 * come from the log: the pairs that earlier revocations touch are few, and to look each pair up in the log takes
 * several times as long as the scan.
 */
async function countByScan(database: Database, question: CountQuestion): Promise<InvalidationCounts> {
  const earlier = await readEarlier(database, question)
  const parts = [
    sql`select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
      from token_pairs pair where ${isCounted(question, earlier)}`,
    ...corrections(question, earlier),
  ]
  const [counted] = await database.scanner
    .select({
      invalidated: sql`coalesce(sum(new_halves), 0)`.mapWith(Number),
      previouslyInvalidated: sql`coalesce(sum(halves - new_halves), 0)`.mapWith(Number),
    })
    .from(sql`(${sql.join(parts, sql` union all `)}) counted`)
  return counted ?? nothingInvalidated
}

/**
 * An earlier revocation of the whole scope that spared no session covered every session below its bound, so the count
 * may begin there.
 */
async function readEarlier({ db }: Database, { revision, coverage }: CountQuestion): Promise<Earlier> {
  const covering = sql`${revocationsCovering(coverage)} covering where revision < ${revision} and spared_session_id is null`
  const touching = sql`${revocationsTouching(coverage)} touching where revision < ${revision}`
  const [row] = await db
    .select({
      floor: sql`(select coalesce(max(bound), 0) from ${covering})`.mapWith(Number),
      hasHalves: sql<boolean>`exists (select from revocations where pair_id is not null and revision < ${revision})`,
      hasSessions: sql<boolean>`exists (select from revocations where selector = 'session' and revision < ${revision})`,
      hasSweeps: sql<boolean>`exists (
        select from ${touching} and revision not in (select revision from ${covering}))`,
    })
    .from(sql`(select) one`)
  return row ?? { floor: 0, hasHalves: true, hasSessions: true, hasSweeps: true }
}

/** Whether the scan counts a pair: it is covered and not expired. */
function isCounted({ coverage, at }: CountQuestion, { floor }: Earlier): SQL {
  const { sessionId, bound, sparedSessionId } = coverage
  const conditions = [
    sql`pair.session_id < ${bound} and pair.session_id >= ${floor} and pair.expires_at > ${instantOf(at)}`,
    isOf(sql`pair`, coverage),
    ...(sessionId === null ? [] : [sql`pair.session_id = ${sessionId}`]),
    ...(sparedSessionId === null ? [] : [sql`pair.session_id <> ${sparedSessionId}`]),
  ]
  return sql.join(conditions, sql` and `)
}

/** For each pair that the log has touched: the difference between what the scan counted and what is right. */
function corrections(question: CountQuestion, earlier: Earlier): readonly SQL[] {
  const touched = [
    ...(earlier.hasHalves ? [endedHalves(question)] : []),
    ...(earlier.hasSessions ? [coveredBySessions(question)] : []),
    ...(earlier.hasSweeps ? coveredBySweeps(question, earlier) : []),
  ]
  if (touched.length === 0) return []
  return [
    sql`select
        case when is_live then 0 else -(1 + has_refresh::int) end,
        case when is_live then -(access_ended::int + refresh_ended::int) else -(1 + has_refresh::int) end
      from (
        select has_refresh, access_ended, refresh_ended,
          not is_covered and (access_expires_at > ${instantOf(question.at)} and not access_ended
            or has_refresh and not refresh_ended) as is_live
        from (
          select pair.id, pair.has_refresh, pair.access_expires_at, bool_or(pair.is_covered) as is_covered,
            coalesce(bool_or(pair.half = 'access_token'), false) as access_ended,
            coalesce(bool_or(pair.half = 'refresh_token'), false) as refresh_ended
          from (${sql.join(touched, sql` union all `)}) pair
          where ${isCounted(question, earlier)}
          group by pair.id, pair.has_refresh, pair.access_expires_at
        ) touched
      ) states`,
  ]
}

function touchedPair(isCovered: boolean, from = sql`revocations`): SQL {
  return sql`select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at, pair.expires_at,
    pair.has_refresh, ${sql.raw(String(isCovered))} as is_covered, ${isCovered ? sql`null` : sql`earlier.selector`} as half
    from ${from} earlier`
}

function endedHalves({ revision, coverage }: CountQuestion): SQL {
  return sql`${touchedPair(false)} join token_pairs pair on pair.id = earlier.pair_id
    where earlier.pair_id is not null and earlier.revision < ${revision} and ${mayConcern(sql`earlier`, coverage)}`
}

function coveredBySessions({ revision, coverage }: CountQuestion): SQL {
  return sql`${touchedPair(true)}
    join token_pairs pair on pair.realm = earlier.realm and pair.session_id = earlier.session_id
    where earlier.selector = 'session' and earlier.revision < ${revision} and ${mayConcern(sql`earlier`, coverage)}`
}

/** Sweeps with a bound up to the floor cover nothing that is counted. */
function coveredBySweeps({ revision }: CountQuestion, { floor }: Earlier): readonly SQL[] {
  const sameUsername = hasUsername(sql`pair`, sql`earlier.username`)
  const kinds = [
    {
      names: sql`realm is not null and username is not null`,
      matches: sql`pair.realm = earlier.realm and ${sameUsername}`,
    },
    { names: sql`realm is not null and username is null`, matches: sql`pair.realm = earlier.realm` },
    { names: sql`realm is null and username is not null`, matches: sameUsername },
    { names: sql`client_id is not null`, matches: hasClient(sql`pair`, sql`earlier.client_id`) },
    { names: sql`everything`, matches: sql`true` },
  ]
  return kinds.map(({ names, matches }) => {
    const conditions = sql`selector = 'owner' and ${names} and revision < ${revision} and bound > ${floor}`
    return sql`${touchedPair(true, widest(conditions))} join token_pairs pair on ${matches}
      where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id`
  })
}

/**
 * Of sweeps with the same names, those that cover all that any of them covers: the one with the highest bound, and for the
 * session that this one spared, the highest that did not spare it. Without this, a client that was swept 10,000 times
 * would have each of its pairs joined 10,000 times.
 */
function widest(conditions: SQL): SQL {
  return sql`(
    select * from (
      select *, row_number() over (partition by realm, username, client_id order by bound desc) as place from (
        select realm, username, client_id, spared_session_id, max(bound) as bound
        from revocations where ${conditions} group by realm, username, client_id, spared_session_id
      ) sparing
    ) ranked where place <= 2)`
}

function instantOf(at: Date): SQL {
  return sql`${at.toISOString()}::timestamptz`
}
