import { and, eq, inArray, isNull, lt, type SQL, sql } from 'drizzle-orm'
import { type BlockSection, nothingAppended } from '../tokens/block.ts'
import { type InvalidationCounts, nothingInvalidated } from '../tokens/coverage.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import type { Attribution, InvalidationScope, ScopeInvalidation } from '../tokens/store.ts'
import { createBatcher } from './batch.ts'
import { column, list, nullableNumber, placeholder } from './columns.ts'
import { type CountQuestion, type Coverage, prepareCount } from './count.ts'
import type { Database } from './engine/database.ts'
import { evidence } from './engine/errors.ts'
import { revocationColumns } from './revocation-columns.ts'
import { revocations } from './schema.ts'
import { byClientIndex, columnsOf, isOf } from './sweep-scope.ts'

/** A scope as columns of the log. Without a bound it covers the sessions below the revision of its revocation. */
interface Scope extends Omit<Coverage, 'bound'> {
  readonly selector: 'session' | 'owner'
  readonly bound: number | undefined
  /** True for everything, and only then: the table refuses a scope that has neither a name nor this. */
  readonly everything: true | null
}

/**
 * Appends the one row that ends everything in scope, then counts what it ended.
 *
 * The row takes effect at its commit, whatever the number of tokens. The counts are a function of the log up to that
 * revision, so they are read after the commit and block no other statement.
 *
 * @throws TokenServiceError ERR_STORAGE_UNAVAILABLE: with `revision` the revocation has taken effect and its counts
 * follow in the record; without one the outcome is unknown
 */
export function prepareInvalidateScope(
  database: Database,
): (asked: InvalidationScope, by: Attribution) => Promise<ScopeInvalidation> {
  const [append, countAppended] = [prepareAppendScope(database), prepareCountAppended(database)]

  return async (asked, by) => {
    const appended = await append(asked, by)
    if (appended === undefined) return { ...nothingInvalidated, revision: undefined }
    return { ...(await countAppended(appended)), revision: appended.revision }
  }
}

/** Appends the row and answers what is to be counted. Undefined if no login could be covered. */
export function prepareAppendScope(
  database: Database,
): (asked: InvalidationScope, by: Attribution) => Promise<CountQuestion | undefined> {
  const { observer } = database
  const append = prepareAppend(database)

  return async (asked, by) => {
    const scope = await readScope(database, asked)
    const appended = scope && (await observer.statement('invalidate_scope', [observer.here()], () => append(scope, by)))
    return appended && { revision: appended.revision, coverage: { ...scope, bound: appended.bound }, at: by.at }
  }
}

/** Notifies followers of a revocation that was appended, counts what it ended, and records the counts. */
export function prepareCountAppended(database: Database): (appended: CountQuestion) => Promise<InvalidationCounts> {
  const [count, record] = [prepareCount(database), prepareRecord(database)]

  return async (appended) => {
    const { revision } = appended
    database.notifications.notify(sectionOf(appended.coverage))
    const counts = await count(appended).catch((cause: unknown) => {
      throw countDeferred(revision, cause)
    })
    // The revocation has taken effect and its count is known: a fault from here on must not be reported as a failure.
    // `completeCounts` counts again and records it within minutes.
    await record({ revision, counts }).catch((error: unknown) =>
      database.emit({ name: 'count_not_recorded', error: evidence(error), facts: { revision } }),
    )
    return counts
  }
}

function sectionOf({ sessionId, realm, username, clientId, bound, sparedSessionId }: Coverage): BlockSection {
  if (sessionId !== null) return { ...nothingAppended, sessions: [sessionId] }
  const names = { realm: realm ?? undefined, username: username ?? undefined, clientId: clientId ?? undefined }
  return { ...nothingAppended, owners: [{ ...names, bound, sparedSessionId: sparedSessionId ?? undefined }] }
}

function countDeferred(revision: number, cause: unknown): TokenServiceError {
  return new TokenServiceError(
    'ERR_STORAGE_UNAVAILABLE',
    `Revocation ${revision} has taken effect, but it could not be counted in time: its counts follow in the record.`,
    evidence(cause),
  )
}

/** Counts what `invalidateScope` would end if it came next. */
export function prepareCountScope(
  database: Database,
): (asked: InvalidationScope, at: Date) => Promise<InvalidationCounts> {
  const count = prepareCount(database)

  return async (asked, at) => {
    const scope = await readScope(database, asked)
    if (scope === undefined) return nothingInvalidated
    const revision = await nextRevision(database, scope)
    return count({ revision, coverage: { ...scope, bound: scope.bound ?? revision }, at })
  }
}

/** Undefined if no login could be covered. */
async function readScope(database: Database, asked: InvalidationScope): Promise<Scope | undefined> {
  if (asked.kind === 'session') {
    const { id, owner } = asked.session
    return {
      selector: 'session',
      sessionId: id,
      ...owner,
      clientId: null,
      everything: null,
      bound: undefined,
      sparedSessionId: null,
    }
  }
  const { scope, sparedSessionId = null, issuedBefore } = asked
  const everything = scope.kind === 'everything' ? true : null
  const columns = columnsOf(scope)
  const whole = {
    selector: 'owner',
    sessionId: null,
    ...columns,
    everything,
    sparedSessionId,
    bound: undefined,
  } as const
  if (issuedBefore === undefined) return whole
  const bound = await boundBefore(database, whole, issuedBefore)
  return bound === undefined ? undefined : { ...whole, bound }
}

/**
 * The bound that covers every login of a scope made before an instant: one above the last of them.
 *
 * The database's clock selects the row (to a tenth of a second, as `prepareIssue` stamps logins); from then on revisions
 * alone decide. A revision is taken under the scope's lock first, so that logins under way have been committed by then and
 * are seen. Logins made at the same time get their revisions in any order, so one stamped at the instant or after it may
 * end with one stamped before it.
 */
async function boundBefore(database: Database, scope: Scope, instant: Date): Promise<number | undefined> {
  const revision = await nextRevision(database, scope)
  // As a number: the years 0 and 10000 have no name that JavaScript and Postgres agree on.
  const instantAt = sql`to_timestamp(${instant.getTime()}::float8 / 1000)`
  const [last] = await database.db
    .select({ id: sql`max(session_id)`.mapWith(nullableNumber) })
    .from(sql`(${sql.join([...lastLogins(scope, revision, instantAt)], sql` union all `)}) last`)
  return last?.id == null ? undefined : last.id + 1
}

/**
 * The last login before an instant, found by scanning back from the newest.
 *
 * Each part scans an index that is in the order of sessions, so it reads what was logged in since the instant and no
 * more: for everything, first pairs by their id, and the others by their session (a session's first pair may have been
 * removed).
 */
function lastLogins(scope: Scope, revision: number, instantAt: SQL): readonly SQL[] {
  const startedAt = sql`coalesce(pair.session_started_at, pair.issued_at)`
  const last = (condition: SQL, order: SQL) => sql`(
    select pair.session_id from token_pairs pair
    where ${condition} and pair.session_id < ${revision} and ${startedAt} < ${instantAt} order by ${order} limit 1)`
  if (scope.clientId !== null) return [last(isOf(sql`pair`, scope), byClientIndex)]
  if (scope.realm !== null || scope.username !== null) return [last(isOf(sql`pair`, scope), sql`pair.session_id desc`)]
  return [
    last(sql`pair.id = pair.session_id`, sql`pair.id desc`),
    last(sql`pair.id <> pair.session_id`, sql`pair.session_id desc`),
  ]
}

async function nextRevision({ db }: Database, scope: Scope): Promise<number> {
  const [next] = await db
    .with(db.$with('locked', {}).as(sql`select ${locks(scope)}`))
    .select({ revision: sql`nextval('revision')`.mapWith(Number) })
    .from(sql`locked`)
  if (next === undefined) throw new Error('Taking a revision returned no row')
  return next.revision
}

interface Counted {
  readonly revision: number
  readonly counts: InvalidationCounts
}

function prepareRecord({ db, statementName, observer }: Database): (counted: Counted) => Promise<unknown> {
  const asked = sql`unnest(${list('revisions', 'bigint')}, ${list('invalidated', 'bigint')},
    ${list('previouslyInvalidated', 'bigint')}) asked (revision, invalidated, previously_invalidated)`
  const statement = db
    .update(revocations)
    .set({ invalidated: sql`asked.invalidated`, previouslyInvalidated: sql`asked.previously_invalidated` })
    .from(asked)
    .where(eq(revocations.revision, sql`asked.revision`))
    .prepare(statementName('record'))

  return createBatcher(
    async (rows: readonly Counted[]) => {
      await statement.execute({
        revisions: column(rows, ({ revision }) => revision),
        invalidated: column(rows, ({ counts }) => counts.invalidated),
        previouslyInvalidated: column(rows, ({ counts }) => counts.previouslyInvalidated),
      })
      return rows
    },
    { name: 'count', observer },
  )
}

/** How old an uncounted revocation must be before it counts as abandoned: requests end within seconds. */
const abandonedSeconds = 120

/**
 * Counts the revocations whose process ended, lost the database or ran out of time between the commit and the count, so
 * that the log is complete. The count is a function of the log up to the revocation, so it is the same later. Answers
 * how many it counted.
 */
export async function completeCounts(database: Database, now: Date): Promise<number> {
  const { revision, selector, at } = revocations
  const count = prepareCount({ ...database, scanner: database.background.scanner })
  const record = prepareRecord(database)
  const abandoned = await database.db
    .select(revocationColumns)
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
 * Answers undefined if the whole session was ended before: nothing of it can be live again, and without this check the
 * holder of one token could append any number of rows.
 */
function prepareAppend({
  db,
  statementName,
}: Database): (
  scope: Scope,
  by: Attribution,
) => Promise<{ readonly revision: number; readonly bound: number } | undefined> {
  const given = { realm: placeholder('realm', 'text'), username: placeholder('username', 'text') }
  const clientId = placeholder('clientId', 'text')
  // As text: a prepared statement remembers the type of a parameter by number, and a restored database has another
  // number.
  const selector = sql`${placeholder('selector', 'text')}::revocation_selector`
  const sessionId = placeholder('sessionId', 'bigint')
  const locked = db.$with('locked', {}).as(sql`select ${locks(given)}`)
  const numbered = db.$with('numbered', { revision: revocations.revision }).as(sql`
    select nextval('revision') as revision from locked`)
  const appended = db
    .$with('appended', { revision: revocations.revision, bound: sql<number>`bound`.mapWith(Number).as('bound') })
    .as(sql`
    insert into revocations (revision, selector, session_id, realm, username, client_id, everything, bound,
      spared_session_id, at, caller, reason, comment)
    select revision, ${selector}, ${sessionId}, ${given.realm}, ${given.username}, ${clientId},
      ${placeholder('everything', 'boolean')},
      coalesce(${placeholder('bound', 'bigint')}, revision), ${placeholder('sparedSessionId', 'bigint')},
      ${placeholder('at', 'timestamptz')}, ${placeholder('caller', 'text')}, ${placeholder('reason', 'text')},
      ${placeholder('comment', 'text')}
    from numbered where not exists (
      select from revocations where selector = 'session' and session_id = ${sessionId})
    returning revision, bound`)
  const statement = db
    .with(locked, numbered, appended)
    .select({ revision: appended.revision, bound: appended.bound })
    .from(appended)
    .prepare(statementName('append'))

  return async (scope, { at, caller, reason = null, comment = null }) => {
    const { bound = null, ...columns } = scope
    const [appended] = await statement.execute({ ...columns, bound, at: at.toISOString(), caller, reason, comment })
    if (appended === undefined && scope.selector === 'session') return undefined
    if (appended === undefined) throw new Error('Appending a revocation returned no row')
    return appended
  }
}

/** Without both names: the exclusive lock that every writer shares. */
function locks({ realm, username }: { readonly realm: unknown; readonly username: unknown }): SQL {
  return sql`lock_scope(${realm}, ${username})`
}
