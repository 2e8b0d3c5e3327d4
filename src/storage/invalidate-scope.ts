import { and, eq, inArray, isNull, lt, type SQL, sql } from 'drizzle-orm'
import type { Attribution, InvalidationCounts, InvalidationScope, ScopeInvalidation } from '../tokens/store.ts'
import { createBatcher } from './batch.ts'
import { column, list, placeholder } from './columns.ts'
import { type Coverage, prepareCount } from './count.ts'
import type { Database } from './engine/database.ts'
import { columnsOf, isOf } from './owner-scope.ts'
import { revocations } from './schema.ts'

/** A scope as columns of the log. Without a bound of its own it reaches up to the revision of its revocation. */
interface Scope extends Omit<Coverage, 'bound'> {
  readonly selector: 'session' | 'owner'
  readonly bound: number | undefined
}

/**
 * Appends the one row that ends everything in scope, then counts what it ended.
 *
 * The row takes effect at its commit, whatever the number of tokens. The counts are a function of the log up to that
 * revision, so they are read afterwards, at leisure, and block nobody.
 */
export function prepareInvalidateScope(
  database: Database,
): (asked: InvalidationScope, by: Attribution) => Promise<ScopeInvalidation> {
  const [append, count, record] = [prepareAppend(database), prepareCount(database), prepareRecord(database)]

  return async (asked, by) => {
    const scope = await readScope(database, asked)
    if (scope === undefined) return { ...nothing, revision: undefined }
    const appended = await append(scope, by)
    if (appended === undefined) return { ...nothing, revision: undefined }
    const { revision, bound } = appended
    database.notifications.notify()
    const counts = await count({ revision, coverage: { ...scope, bound }, at: by.at })
    // The revocation stands and its count is known: a fault from here on must not call it a failure.
    await record({ revision, counts }).catch(ignoreFailure)
    return { ...counts, revision }
  }
}

/** Counts what `invalidateScope` would if it came next. */
export function prepareCountScope(
  database: Database,
): (asked: InvalidationScope, at: Date) => Promise<InvalidationCounts> {
  const count = prepareCount(database)

  return async (asked, at) => {
    const scope = await readScope(database, asked)
    if (scope === undefined) return nothing
    const revision = await nextRevision(database, scope)
    return count({ revision, coverage: { ...scope, bound: scope.bound ?? revision }, at })
  }
}

const nothing: InvalidationCounts = { invalidated: 0, previouslyInvalidated: 0 }

/** Undefined if there is no login that it could cover. */
async function readScope(database: Database, asked: InvalidationScope): Promise<Scope | undefined> {
  if (asked.kind === 'session') {
    const { id, owner } = asked.session
    return { selector: 'session', sessionId: id, ...owner, bound: undefined, sparedSessionId: null }
  }
  const { scope, sparedSessionId = null, issuedBefore } = asked
  const owner = columnsOf(scope)
  const whole = { selector: 'owner', sessionId: null, ...owner, sparedSessionId, bound: undefined } as const
  if (issuedBefore === undefined) return whole
  const bound = await boundBefore(database, whole, issuedBefore)
  return bound === undefined ? undefined : { ...whole, bound }
}

/**
 * The bound that covers every login of a scope made before an instant: one above the last of them.
 *
 * The clock that stamped a login picks the row, and from then on revisions decide alone. A revision is taken under the
 * scope's lock first: whoever was about to log in has done so by then, and is seen. Logins that were under way together
 * have their revisions in any order, so one stamped at the instant or after it may go with one stamped before it.
 */
async function boundBefore(database: Database, scope: Scope, instant: Date): Promise<number | undefined> {
  const revision = await nextRevision(database, scope)
  // As a number: the years 0 and 10000 have no name that JavaScript and Postgres agree on.
  const instantAt = sql`to_timestamp(${instant.getTime()}::float8 / 1000)`
  const [last] = await database.db
    .select({ id: sql`pair.session_id`.mapWith(Number) })
    .from(sql`token_pairs pair`)
    .where(
      sql`${isOf(sql`pair`, scope)} and pair.session_id < ${revision}
        and coalesce(pair.session_started_at, pair.issued_at) < ${instantAt}`,
    )
    .orderBy(sql`pair.session_id desc`)
    .limit(1)
  return last && last.id + 1
}

async function nextRevision({ db }: Database, scope: Scope): Promise<number> {
  const [next] = await db
    .with(db.$with('locked', {}).as(sql`select ${locks(scope)}`))
    .select({ revision: sql`nextval('revision')`.mapWith(Number) })
    .from(sql`locked`)
  if (next === undefined) throw new Error('A revision was asked for and did not come')
  return next.revision
}

interface Counted {
  readonly revision: number
  readonly counts: InvalidationCounts
}

function prepareRecord({ db, statementName }: Database): (counted: Counted) => Promise<unknown> {
  const asked = sql`unnest(${list('revisions', 'bigint')}, ${list('invalidated', 'bigint')},
    ${list('previouslyInvalidated', 'bigint')}) asked (revision, invalidated, previously_invalidated)`
  const statement = db
    .update(revocations)
    .set({ invalidated: sql`asked.invalidated`, previouslyInvalidated: sql`asked.previously_invalidated` })
    .from(asked)
    .where(eq(revocations.revision, sql`asked.revision`))
    .prepare(statementName('record'))

  return createBatcher(async (rows: readonly Counted[]) => {
    await statement.execute({
      revisions: column(rows, ({ revision }) => revision),
      invalidated: column(rows, ({ counts }) => counts.invalidated),
      previouslyInvalidated: column(rows, ({ counts }) => counts.previouslyInvalidated),
    })
    return rows
  })
}

function ignoreFailure(): void {
  // `completeCounts` writes it within minutes.
}

/** How old an uncounted revocation must be before it is taken for abandoned: counting takes seconds at the most. */
const abandonedSeconds = 120

/**
 * Counts the revocations whose process ended, or lost the database, between the commit and the count, so that the log
 * is complete. The count is a function of the log up to the revocation: later it is the same. Answers how many.
 */
export async function completeCounts(database: Database, now: Date): Promise<number> {
  const { revision, selector, at } = revocations
  const [count, record] = [prepareCount(database), prepareRecord(database)]
  const abandoned = await database.db
    .select()
    .from(revocations)
    .where(
      and(
        inArray(selector, ['session', 'owner']),
        isNull(revocations.invalidated),
        lt(at, new Date(now.getTime() - abandonedSeconds * 1000)),
      ),
    )
    .orderBy(revision)
    .limit(100)
  for (const row of abandoned) {
    const coverage = { ...row, bound: row.bound ?? row.revision }
    const counts = await count({ revision: row.revision, coverage, at: row.at })
    await record({ revision: row.revision, counts })
  }
  return abandoned.length
}

/**
 * Undefined if the session has been ended as one before: nothing of it can be live again, and whoever holds a token of
 * it could fill the log.
 */
function prepareAppend({
  db,
  statementName,
}: Database): (
  scope: Scope,
  by: Attribution,
) => Promise<{ readonly revision: number; readonly bound: number } | undefined> {
  const given = { realm: placeholder('realm', 'text'), username: placeholder('username', 'text') }
  const sessionId = placeholder('sessionId', 'bigint')
  const locked = db.$with('locked', {}).as(sql`select ${locks(given)}`)
  const numbered = db.$with('numbered', { revision: revocations.revision }).as(sql`
    select nextval('revision') as revision from locked`)
  const statement = db
    .with(locked, numbered)
    .insert(revocations)
    .select(sql`
      select revision, ${placeholder('selector', 'revocation_selector')}, null, ${sessionId}, ${given.realm},
        ${given.username}, coalesce(${placeholder('bound', 'bigint')}, revision),
        ${placeholder('sparedSessionId', 'bigint')}, ${placeholder('at', 'timestamptz')},
        ${placeholder('caller', 'text')}, null, null, ${placeholder('reason', 'text')}, ${placeholder('comment', 'text')},
        pg_current_xact_id()
      from numbered where not exists (
        select from revocations where selector = 'session' and session_id = ${sessionId})`)
    .returning({ revision: revocations.revision, bound: revocations.bound })
    .prepare(statementName('append'))

  return async (scope, { at, caller, reason = null, comment = null }) => {
    const { bound = null, ...columns } = scope
    const [appended] = await statement.execute({ ...columns, bound, at: at.toISOString(), caller, reason, comment })
    if (appended === undefined && scope.selector === 'session') return undefined
    if (appended === undefined || appended.bound === null)
      throw new Error('A revocation was appended and did not come back')
    return { revision: appended.revision, bound: appended.bound }
  }
}

function locks({ realm, username }: { readonly realm: unknown; readonly username: unknown }): SQL {
  return sql`lock_scope(${realm}, ${username})`
}
