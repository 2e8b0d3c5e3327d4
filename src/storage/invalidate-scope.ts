import { and, eq, inArray, isNull, lt, sql } from 'drizzle-orm'
import type { OwnerScope } from '../tokens/owner.ts'
import type { Attribution, InvalidationCounts, Session } from '../tokens/store.ts'
import { countAsOf, type Scope } from './count.ts'
import type { Database } from './database.ts'
import { revocations } from './schema.ts'

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
  const counts = await countAsOf(database, { revision, scope, at: by.at })
  // The revocation stands and its count is known: a fault from here on must not call it a failure.
  await record(database, revision, counts).catch(leaveToCompletion)
  return counts
}

async function record({ db }: Database, revision: number, counts: InvalidationCounts): Promise<void> {
  await db.update(revocations).set(counts).where(eq(revocations.revision, revision))
}

function leaveToCompletion(): void {
  // `completeCounts` writes it within minutes.
}

/** How old an uncounted revocation must be before it is taken for abandoned: counting takes seconds at the most. */
const abandonedSeconds = 120

/**
 * Counts the revocations whose process ended, or lost the database, between the commit and the count, so that the log
 * is complete. The count is a function of the log up to the revocation: later it is the same. Answers how many.
 */
export async function completeCounts(database: Database, now: Date): Promise<number> {
  const { revision, selector, sessionId, realm, username, at } = revocations
  const abandoned = await database.db
    .select({ revision, selector, sessionId, realm, username, at })
    .from(revocations)
    .where(
      and(
        inArray(selector, ['session', 'owner']),
        isNull(revocations.invalidated),
        lt(at, new Date(now.getTime() - abandonedSeconds * 1000)),
      ),
    )
    .limit(100)
  for (const row of abandoned) {
    const counts = await countAsOf(database, { revision: row.revision, scope: row, at: row.at })
    await record(database, row.revision, counts)
  }
  return abandoned.length
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
