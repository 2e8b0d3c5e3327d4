import { type SQL, sql } from 'drizzle-orm'
import type { OwnerScope } from '../tokens/owner.ts'
import type { SessionPage } from '../tokens/store.ts'
import { column, list } from './columns.ts'
import type { Database } from './database.ts'
import { columnsOf, hasUsername, isOf } from './owner-scope.ts'

/**
 * Which sessions may stand on a page: their ids, the newest first. Whether each is live is for their pairs to say; left
 * out is only what one look at the log shows to be over, so that nobody walks over a million that a sweep has ended.
 */
export interface CandidateQuestion<Scope extends OwnerScope = OwnerScope>
  extends Omit<SessionPage, 'scope' | 'before'> {
  readonly scope: Scope
  readonly before: number
}

export type OneOwner = Extract<OwnerScope, { readonly kind: 'realm-user' }>

/** Of many owners in one statement, as a gateway asks for them. An owner's pairs are few: they are gathered and sorted. */
export function prepareOwnerCandidates({
  db,
  statementName,
}: Database): (questions: readonly CandidateQuestion<OneOwner>[]) => Promise<readonly (readonly number[])[]> {
  const isWhole = coversAll(sql`asked.realm`, sql`asked.username`)
  const statement = db
    .select({ place: sql`asked.place`.mapWith(Number), id: sql`candidate.session_id`.mapWith(Number) })
    .from(sql`unnest(${list('realms', 'text')}, ${list('usernames', 'text')}, ${list('befores', 'bigint')},
      ${list('at', 'timestamptz')}, ${list('includeEnded', 'boolean')}, ${list('limits', 'bigint')}
    ) with ordinality asked (realm, username, before, at, include_ended, most, place)`)
    .innerJoin(
      sql`lateral (
        select pair.session_id from token_pairs pair
        where ${hasUsername(sql`pair`, sql`asked.username`)} and pair.realm = asked.realm
          and pair.session_id < asked.before
          and (asked.include_ended or ${isOpen(sql`asked.at`)}
            and (pair.session_id >= ${floor(isWhole)} or pair.session_id in ${spared(isWhole)}))
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
 * Of a realm, or of a name in all realms, which may be many.
 *
 * The realm's index has them in order: "group by" reads it until the page is full, where "distinct" would gather the
 * whole realm first. A limit that is written out, and no parameter, tells the planner so.
 */
export async function listCandidates({ db }: Database, question: CandidateQuestion): Promise<readonly number[]> {
  const { scope, includeEnded, before, limit, at } = question
  const owner = columnsOf(scope)
  const isWhole = coversAll(sql`${owner.realm}::text`, sql`${owner.username}::text`)
  const open = isOpen(sql`${at.toISOString()}::timestamptz`)
  const arm = (conditions: SQL) => sql`(
    select pair.session_id from token_pairs pair
    where pair.session_id < ${before} and ${isOf(sql`pair`, owner)} and ${conditions}
    group by pair.session_id order by pair.session_id desc limit ${sql.raw(String(limit))})`
  const arms = includeEnded
    ? [arm(sql`true`)]
    : [
        arm(sql`${open} and pair.session_id >= ${floor(isWhole)}`),
        arm(sql`${open} and pair.session_id < ${floor(isWhole)} and pair.session_id in ${spared(isWhole)}`),
      ]
  const rows = await db
    .select({ id: sql`session_id`.mapWith(Number) })
    .from(sql`(${sql.join(arms, sql` union all `)}) candidates`)
    .orderBy(sql`session_id desc`)
    .limit(limit)
  return rows.map(({ id }) => id)
}

function coversAll(realm: SQL, username: SQL): SQL {
  return sql`selector = 'owner' and (realm is null or realm = ${realm}) and (username is null or username = ${username})`
}

/** Sessions below it were ended, all but those that are spared. */
function floor(isWhole: SQL): SQL {
  return sql`(select coalesce(max(bound), 0) from revocations where ${isWhole})`
}

function spared(isWhole: SQL): SQL {
  return sql`(select spared_session_id from revocations where ${isWhole} and spared_session_id is not null)`
}

/** Whoever logs in and out all day, token by token, leaves thousands behind: one by one they are not to be asked about. */
function isOpen(at: SQL): SQL {
  const isEnded = (half: SQL) => sql`exists (
    select from revocations ended where ended.pair_id = pair.id and ended.selector = ${half})`
  return sql`pair.expires_at > ${at}
    and not exists (
      select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id)
    and (not ${isEnded(sql`'access_token'`)} or pair.has_refresh and not ${isEnded(sql`'refresh_token'`)})`
}
