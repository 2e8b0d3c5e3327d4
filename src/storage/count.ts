import { type SQL, sql } from 'drizzle-orm'
import type { InvalidationCounts } from '../tokens/store.ts'
import type { Database } from './database.ts'

/** What one revocation covers, as columns of its row. */
export interface Scope {
  readonly selector: 'session' | 'owner'
  readonly sessionId: number | null
  /** Whose locks to take; for an owner also whom it covers. */
  readonly realm: string | null
  readonly username: string | null
}

export interface CountQuestion {
  readonly scope: Omit<Scope, 'selector'>
  /** What is counted is a function of the log up to here. */
  readonly revision: number
  /** Halves that had expired by then are dead. */
  readonly at: Date
}

/** What was revoked before, and so may change the count. */
interface Earlier {
  /** Pairs with an id up to here were covered before, all of them. */
  readonly floor: number
  readonly hasHalves: boolean
  readonly hasSessions: boolean
  /** Owners' revocations that cover a part of the scope. */
  readonly hasOwners: boolean
}

/**
 * Counts the halves that a revocation ended: those of each pair in its scope that was live when it was made.
 *
 * A pair is live if one of its halves was neither expired nor invalidated. For a live pair each half counts: newly, or
 * previously if it had its own revocation before. A pair covered by an earlier session's or owner's revocation is not
 * live, so no half is counted as new twice. The rule of the view `token_pair_states`, turned round to walk a set.
 *
 * It reads after the commit and holds no lock: what it counts can't change any more. Joins with earlier revocations
 * cost more than the walk itself, so those that can't find anything are left out.
 */
export async function countAsOf(database: Database, question: CountQuestion): Promise<InvalidationCounts> {
  const { revision, scope, at } = question
  const earlier = await readEarlier(database, question)
  const walk = (pairs: SQL, sign: SQL) => sql`
    select ${sign} * (1 + pair.has_refresh::int) as halves, ${sign} * ${earlier.hasHalves ? newHalves : allHalves} as new_halves
    from ${pairs} pair ${earlier.hasHalves ? joinHalves(revision) : nothing}
    where ${inScope(scope)} and pair.id > ${earlier.floor} and pair.id < ${revision} and pair.expires_at > ${instantOf(at)}
      ${earlier.hasHalves ? isLive(at) : nothing}
      ${earlier.hasSessions ? notInSessions(revision) : nothing}`
  const all = walk(sql`token_pairs`, sql`1`)
  const covered = earlier.hasOwners ? sql`union all ${walk(coveredPairs(revision), sql`-1`)}` : nothing
  const [counted] = await database.db
    .select({
      invalidated: sql`coalesce(sum(new_halves), 0)`.mapWith(Number),
      previouslyInvalidated: sql`coalesce(sum(halves - new_halves), 0)`.mapWith(Number),
    })
    .from(sql`(${all} ${covered}) counted`)
  return counted ?? { invalidated: 0, previouslyInvalidated: 0 }
}

const nothing = sql``

/**
 * Whoever revoked the whole scope before covered every pair with a lower id: such a pair's session is older still, and
 * a covered session refreshes no more. That holds for revocations that spare nobody and reach up to their own revision.
 */
async function readEarlier({ db }: Database, { revision, scope }: CountQuestion): Promise<Earlier> {
  const owners = sql`revocations where selector = 'owner' and revision < ${revision}`
  const isWhole = sql`(bound = revision and spared_session_id is null
    and (realm is null or realm = ${scope.realm}::text) and (username is null or username = ${scope.username}::text))`
  const touches = sql`(realm is null or ${scope.realm}::text is null or realm = ${scope.realm}::text)
    and (username is null or ${scope.username}::text is null or username = ${scope.username}::text)`
  const [row] = await db
    .select({
      floor: sql`(select coalesce(max(revision), 0) from ${owners} and ${isWhole})`.mapWith(Number),
      hasHalves: sql<boolean>`exists (select from revocations where pair_id is not null and revision < ${revision})`,
      hasSessions: sql<boolean>`exists (select from revocations where selector = 'session' and revision < ${revision})`,
      hasOwners: sql<boolean>`exists (select from ${owners} and ${touches} and ${isWhole} is not true)`,
    })
    .from(sql`(select) one`)
  return row ?? { floor: 0, hasHalves: true, hasSessions: true, hasOwners: true }
}

function inScope({ sessionId, realm, username }: CountQuestion['scope']): SQL {
  const byRealm = realm === null ? nothing : sql`and pair.realm = ${realm}`
  const byUsername = username === null ? nothing : sql`and pair.username = ${username}`
  const bySession = sessionId === null ? nothing : sql`and pair.session_id = ${sessionId}`
  return sql`true ${byRealm} ${byUsername} ${bySession}`
}

const allHalves = sql`(1 + pair.has_refresh::int)`
const newHalves = sql`((access.revision is null)::int + (pair.has_refresh and refresh.revision is null)::int)`

function instantOf(at: Date): SQL {
  return sql`${at.toISOString()}::timestamptz`
}

function joinHalves(revision: number): SQL {
  return sql`
    left join revocations access
      on access.pair_id = pair.id and access.selector = 'access_token' and access.revision < ${revision}
    left join revocations refresh
      on refresh.pair_id = pair.id and refresh.selector = 'refresh_token' and refresh.revision < ${revision}`
}

function isLive(at: Date): SQL {
  return sql`
    and (pair.access_expires_at > ${instantOf(at)} and access.revision is null
      or pair.has_refresh and refresh.revision is null)`
}

/** `not in` over a subquery that depends on nothing is hashed once; `not exists` would be probed for each pair. */
function notInSessions(revision: number): SQL {
  return sql`and pair.session_id not in (
    select session_id from revocations where selector = 'session' and revision < ${revision})`
}

/**
 * The pairs that earlier revocations of owners covered, found from the revocations' side, to be taken off the sum: they
 * are few, and to ask of each pair in scope whether it is one of them takes ten times as long as the walk.
 */
function coveredPairs(revision: number): SQL {
  const coveredBy = (matches: SQL) => sql`
    select pair.id, pair.session_id, pair.realm, pair.username, pair.access_expires_at, pair.expires_at, pair.has_refresh
    from revocations cover join token_pairs pair on ${matches}
    where cover.selector = 'owner' and cover.revision < ${revision} and cover.bound > pair.session_id
      and cover.spared_session_id is distinct from pair.session_id`
  return sql`(
    ${coveredBy(sql`pair.realm = cover.realm and pair.username = cover.username`)}
    union ${coveredBy(sql`pair.realm = cover.realm and cover.username is null`)}
    union ${coveredBy(sql`cover.realm is null and pair.username = cover.username`)})`
}
