import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { OwnerScope } from '../tokens/owner.ts'
import type { Attribution, InvalidationCounts, Session } from '../tokens/store.ts'
import type { Database } from './database.ts'
import { revocations } from './schema.ts'

/** What one revocation covers, as columns of its row. */
interface Scope {
  readonly selector: 'session' | 'owner'
  readonly sessionId: number | null
  /** Whose locks to take; for an owner also whom it covers. */
  readonly realm: string | null
  readonly username: string | null
}

export function invalidateSession(database: Database, session: Session, by: Attribution): Promise<InvalidationCounts> {
  return invalidateScope(database, { selector: 'session', sessionId: session.id, ...session.owner }, by)
}

export function invalidateOwner(database: Database, scope: OwnerScope, by: Attribution): Promise<InvalidationCounts> {
  const realm = scope.kind === 'username' ? null : scope.realm
  const username = scope.kind === 'realm' ? null : scope.username
  return invalidateScope(database, { selector: 'owner', sessionId: null, realm, username }, by)
}

/**
 * Appends the one row that ends everything in scope, then counts what it ended.
 *
 * The row takes effect at its commit, whatever the number of tokens. The counts are a function of the log up to that
 * revision, so they are read afterwards, at leisure, and block nobody.
 */
async function invalidateScope(database: Database, scope: Scope, by: Attribution): Promise<InvalidationCounts> {
  const revision = await append(database, scope, by)
  const counts = await countAsOf(database, revision, scope, by.at)
  await database.db.update(revocations).set(counts).where(eq(revocations.revision, revision))
  return counts
}

async function append({ db }: Database, scope: Scope, by: Attribution): Promise<number> {
  const locked = db.$with('locked', {}).as(sql`select lock_scope(${scope.realm}, ${scope.username})`)
  const numbered = db.$with('numbered', { revision: revocations.revision }).as(sql`
    select nextval('revision') as revision from locked`)
  const isOwner = scope.selector === 'owner'
  const [appended] = await db
    .with(locked, numbered)
    .insert(revocations)
    .select(sql`
      select revision, ${scope.selector}::revocation_selector, null, ${scope.sessionId}::bigint,
        ${isOwner ? scope.realm : null}, ${isOwner ? scope.username : null}, revision, null,
        ${by.at.toISOString()}::timestamptz, ${by.caller}, null, null
      from numbered`)
    .returning({ revision: revocations.revision })
  if (appended === undefined) throw new Error('A revocation was appended and did not come back')
  return appended.revision
}

/**
 * Counts the halves that revision `revision` ended: those of each pair in scope that was live then.
 *
 * A pair is live if one of its halves was neither expired nor invalidated. For a live pair each half counts: newly, or
 * previously if it had its own revocation before. A pair covered by an earlier session's or owner's revocation is not
 * live, so no half is counted as new twice. Same rule as the view `token_pair_states`, turned round to walk a set.
 */
async function countAsOf({ db }: Database, revision: number, scope: Scope, at: Date): Promise<InvalidationCounts> {
  const instant = sql`${at.toISOString()}::timestamptz`
  const earlier = (condition: SQL) => sql`not exists (
    select from revocations cover where cover.revision < ${revision} and cover.bound > pair.session_id
      and cover.spared_session_id is distinct from pair.session_id and ${condition})`
  const [counted] = await db
    .select({
      invalidated: sql`coalesce(sum(new_halves), 0)`.mapWith(Number),
      previouslyInvalidated: sql`coalesce(sum(halves - new_halves), 0)`.mapWith(Number),
    })
    .from(sql`(
      select
        1 + pair.has_refresh::int as halves,
        (access.revision is null)::int + (pair.has_refresh and refresh.revision is null)::int as new_halves
      from token_pairs pair
      left join revocations access
        on access.pair_id = pair.id and access.selector = 'access_token' and access.revision < ${revision}
      left join revocations refresh
        on refresh.pair_id = pair.id and refresh.selector = 'refresh_token' and refresh.revision < ${revision}
      where ${covers(scope)} and pair.id < ${revision} and pair.expires_at > ${instant}
        and (pair.access_expires_at > ${instant} and access.revision is null or pair.has_refresh and refresh.revision is null)
        and ${earlier(sql`cover.selector = 'session' and cover.session_id = pair.session_id`)}
        and ${earlier(sql`cover.selector = 'owner' and cover.realm = pair.realm and cover.username = pair.username`)}
        and ${earlier(sql`cover.selector = 'owner' and cover.realm = pair.realm and cover.username is null`)}
        and ${earlier(sql`cover.selector = 'owner' and cover.realm is null and cover.username = pair.username`)}
    ) counted`)
  return counted ?? { invalidated: 0, previouslyInvalidated: 0 }
}

function covers(scope: Scope): SQL | undefined {
  const byOwner = and(
    scope.realm === null ? undefined : sql`pair.realm = ${scope.realm}`,
    scope.username === null ? undefined : sql`pair.username = ${scope.username}`,
  )
  return scope.sessionId === null ? byOwner : and(byOwner, sql`pair.session_id = ${scope.sessionId}`)
}
