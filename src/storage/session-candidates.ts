import { type SQL, sql } from 'drizzle-orm'
import type { ListableScope } from '../tokens/coverage.ts'
import type { SessionsQuery } from '../tokens/store.ts'
import { column, list, optimizationFence } from './columns.ts'
import type { Database } from './engine/database.ts'
import {
  blockOfSession,
  byClientIndex,
  columnsOf,
  isOf,
  pairsOf,
  revocationsCovering,
  sessionsInBlock,
} from './sweep-scope.ts'

/**
 * Asks which sessions may be on a page: their ids, newest first. The pairs of each decide later whether it is live. The
 * candidates leave out only sessions that the log alone shows to be ended, so that a page does not read
 * through a million sessions that a sweep has ended.
 */
export interface CandidateQuestion<Scope extends ListableScope = ListableScope>
  extends Omit<SessionsQuery, 'scope' | 'before'> {
  readonly scope: Scope
  readonly before: number
}

export type OneOwner = Extract<ListableScope, { readonly kind: 'realm-user' }>

/**
 * The candidates of many owners in one statement, as a gateway asks for them. An owner has few pairs: they are
 * collected and sorted.
 */
export function prepareOwnerCandidates({
  db,
  statementName,
}: Database): (questions: readonly CandidateQuestion<OneOwner>[]) => Promise<readonly (readonly number[])[]> {
  const owner = { realm: sql`asked.realm`, username: sql`asked.username` }
  const covering = revocationsCovering({ ...owner, clientId: null })
  const statement = db
    .select({ place: sql`asked.place`.mapWith(Number), id: sql`candidate.session_id`.mapWith(Number) })
    .from(sql`unnest(${list('realms', 'text')}, ${list('usernames', 'text')}, ${list('befores', 'bigint')},
      ${list('at', 'timestamptz')}, ${list('includeEnded', 'boolean')}, ${list('limits', 'bigint')}
    ) with ordinality asked (realm, username, before, at, include_ended, most, place)`)
    .innerJoin(
      sql`lateral (
        select pair.session_id from ${pairsOf(owner)} pair
        where pair.session_id < asked.before
          and (asked.include_ended or ${isOpen(sql`asked.at`)} and not ${isCovered(ofClient)}
            and (pair.session_id >= ${highestBound(covering)} or pair.session_id in ${sparedSessions(covering)}))
        group by pair.session_id order by pair.session_id desc limit asked.most
      ) candidate`,
      sql`true`,
    )
    .orderBy(sql`asked.place, candidate.session_id desc`)
    .prepare(statementName('owner_candidates'))

  return async (questions) => {
    const rows = await statement.execute({
      realms: column(questions, ({ scope }) => scope.realm),
      usernames: column(questions, ({ scope }) => scope.username),
      befores: column(questions, ({ before }) => before),
      at: column(questions, ({ at }) => at.toISOString()),
      includeEnded: column(questions, ({ includeEnded }) => includeEnded),
      limits: column(questions, ({ limit }) => limit),
    })
    const ids = questions.map((): number[] => [])
    for (const { place, id } of rows) ids[place - 1]?.push(id)
    return ids
  }
}

/**
 * The candidates of a realm, of a username in all realms, or of a client; all may be many.
 *
 * The indexes of realms and clients have sessions in order: "group by" reads them until the page is full, where "distinct"
 * would collect the whole scope first. The planner knows this only from literals: of a range between parameters it expects
 * too few pairs to fill a page, and would rather collect and sort all. So the limit is a literal, and so are both ends.
 */
export async function listCandidates({ db }: Database, question: CandidateQuestion): Promise<readonly number[]> {
  const { scope, includeEnded, before, limit, at } = question
  const covering = revocationsCovering(columnsOf(scope))
  const floor = includeEnded ? 0 : await readHighestBound(db, covering)
  const isPairOpen = sql`${isOpen(sql`${at.toISOString()}::timestamptz`)} and not ${isCovered(anyOf)}`
  const page = sql`limit ${literal(limit)}`
  const order = sql.raw(scope.kind === 'client' ? 'block desc, session_id desc' : 'session_id desc')
  const group = sql.raw(scope.kind === 'client' ? 'block, session_id' : 'session_id')
  const walked = sql`(
    select session_id from ${pairsInOrder(scope, { floor, before })} pair
    where session_id < ${literal(before)} and session_id >= ${literal(floor)} and ${includeEnded ? sql`true` : isPairOpen}
    group by ${group} order by ${order} ${page})`
  const spared = sql`(
    select session_id from ${pairsOfSessions(sparedSessions(covering))} pair
    where ${isOf(sql`pair`, columnsOf(scope))} and session_id < ${literal(Math.min(before, floor))} and ${isPairOpen}
    group by session_id order by session_id desc ${page})`
  const rows = await db
    .select({ id: sql`session_id`.mapWith(Number) })
    .from(sql`(${sql.join([walked, ...(includeEnded ? [] : [spared])], sql` union all `)}) candidates`)
    .orderBy(sql`session_id desc`)
    .limit(limit)
  return rows.map(({ id }) => id)
}

interface Range {
  readonly floor: number
  readonly before: number
}

/**
 * The pairs of a scope. Those of a realm are walked in the order of its index, and those of a username collected.
 *
 * Those of a client are walked in the order of `token_pairs_client`, completed to one session. The subquery shows the planner
 * nothing but what is in that index: by the session ids themselves it might walk another index, over all clients' pairs.
 */
function pairsInOrder(scope: ListableScope, { floor, before }: Range): SQL {
  const condition = isOf(sql`pair`, columnsOf(scope))
  if (scope.kind !== 'client')
    return sql`(select * from token_pairs pair where ${condition} ${scope.kind === 'realm' ? sql`` : optimizationFence})`
  const blockOf = (id: number) => literal(Math.floor(id / sessionsInBlock))
  return sql`(
    select pair.*, ${blockOfSession} as block from token_pairs pair
    where ${condition} and ${blockOfSession} <= ${blockOf(before)} and ${blockOfSession} >= ${blockOf(floor)}
    order by ${byClientIndex} ${optimizationFence})`
}

function literal(id: number): SQL {
  if (!Number.isSafeInteger(id)) throw new Error('Expected a whole number')
  return sql.raw(`${id}::bigint`)
}

async function readHighestBound(db: Pick<Database['db'], 'select'>, covering: SQL): Promise<number> {
  const [row] = await db.select({ bound: sql`coalesce(max(bound), 0)`.mapWith(Number) }).from(sql`${covering} covering`)
  return row?.bound ?? 0
}

/** The highest bound: every session with a lower id was ended, except those spared. */
function highestBound(covering: SQL): SQL {
  return sql`(select coalesce(max(bound), 0) from ${covering} covering)`
}

function sparedSessions(covering: SQL): SQL {
  return sql`(select distinct spared_session_id from ${covering} covering where spared_session_id is not null)`
}

/**
 * The pairs of these sessions, each found by its session's id. They are few: without the fence Postgres would rather walk
 * all pairs of the scope and look each up among these.
 */
function pairsOfSessions(sessions: SQL): SQL {
  return sql`(
    select pair.* from ${sessions} named (id) cross join lateral (
      select * from token_pairs where id = named.id and session_id = named.id
      union all select * from token_pairs where session_id = named.id and id <> session_id ${optimizationFence}
    ) pair)`
}

/**
 * Whether a pair is not expired, and no revocation names its session or every half of it. An owner who logs in and out all
 * day, token by token, leaves thousands of sessions: without this condition each would be read on its own.
 *
 * Restates a part of the rule of the view `token_pair_states`, which decides in the end. `test/engines/rule.test.ts`
 * compares the lists with the view.
 */
function isOpen(at: SQL): SQL {
  const isEnded = (half: SQL) => sql`exists (
    select from revocations ended where ended.pair_id = pair.id and ended.selector = ${half} ${optimizationFence})`
  return sql`pair.expires_at > ${at}
    and not exists (
      select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id ${optimizationFence})
    and (not ${isEnded(sql`'access_token'`)} or pair.has_refresh and not ${isEnded(sql`'refresh_token'`)})`
}

/**
 * Whether one of these revocations covers a pair. The highest bound of the scope does not show all of them: those of a
 * realm end a part of a client's sessions, and those of an owner or a client a part of a realm's.
 */
function isCovered(covering: SQL): SQL {
  return sql`exists (
    select from ${covering} covering
    where bound > pair.session_id and spared_session_id is distinct from pair.session_id ${optimizationFence})`
}

const clientId = sql`pair.client_id`
const ofClient = revocationsCovering({ realm: null, username: null, clientId })
const anyOf = revocationsCovering({ realm: sql`pair.realm`, username: sql`pair.username`, clientId })
