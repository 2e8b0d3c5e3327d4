import { eq, sql } from 'drizzle-orm'
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
