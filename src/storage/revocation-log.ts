import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm'
import type { StatementName } from '../events/observer.ts'
import type { ListableScope, Revocation } from '../tokens/coverage.ts'
import type { RevocationLog, RevocationsQuery } from '../tokens/revocation-log.ts'
import type { PairKey } from '../tokens/token.ts'
import { createBatcher } from './batch.ts'
import type { Database } from './engine/database.ts'
import { guardOf } from './engine/identity.ts'
import { readSections } from './read-sections.ts'
import { readPosition, readSince } from './read-since.ts'
import { revocationColumns } from './revocation-columns.ts'
import { revocations } from './schema.ts'
import { columnsOf, mayConcern } from './sweep-scope.ts'

export function createRevocationLog(database: Database): RevocationLog {
  const { observer } = database
  const guardStorage = guardOf(database)
  const find = createBatcher((revisions: readonly number[]) => findAll(database, revisions), {
    name: 'find_revocation',
    observer,
  })
  const one = <Answer>(name: StatementName, run: () => Promise<Answer>) =>
    observer.statement(name, [observer.here()], run)
  return {
    find: (revision) => guardStorage(async () => (await find(revision)) ?? undefined),
    list: (query) => guardStorage(() => one('list_revocations', () => list(database, query))),
    findEnding: (key) => guardStorage(() => findEnding(database, key)),
    position: () => guardStorage(() => readPosition(database)),
    readSince: (cursor, options) =>
      guardStorage(async () => {
        const { rows, ...page } = await one('read_feed', () => readSince(database, cursor, options))
        return { ...page, revocations: rows.map(readRow) }
      }),
    readSections: (cursor, limit) => guardStorage(() => one('read_feed', () => readSections(database, cursor, limit))),
    listen: database.notifications.listen,
  }
}

async function findAll({ db }: Database, revisions: readonly number[]): Promise<readonly (Revocation | null)[]> {
  const rows = await db
    .select(revocationColumns)
    .from(revocations)
    .where(inArray(revocations.revision, [...revisions]))
  const found = new Map(rows.map((row) => [row.revision, readRow(row)]))
  return revisions.map((revision) => found.get(revision) ?? null)
}

/** The first of those that cover it, as the view has them. */
async function findEnding({ db }: Database, { slot, id }: PairKey): Promise<Revocation | undefined> {
  const [row] = await db
    .select(revocationColumns)
    .from(revocations)
    .where(
      sql`${revocations.revision} in (
        select covered_by from token_pair_states where slot = ${slot} and id = ${id}
        union all
        select revision from revocations where pair_id = ${id} and selector = 'access_token')`,
    )
    .orderBy(revocations.revision)
    .limit(1)
  return row && readRow(row)
}

async function list({ db }: Database, query: RevocationsQuery): Promise<readonly Revocation[]> {
  const { scope, sessionId, reason, before, limit } = query
  const rows = await db
    .select(revocationColumns)
    .from(revocations)
    .where(
      and(
        scope && isAbout(scope),
        sessionId === undefined ? undefined : eq(revocations.sessionId, sessionId),
        reason === undefined ? undefined : eq(revocations.reason, reason),
        before === undefined ? undefined : lt(revocations.revision, before),
      ),
    )
    .orderBy(desc(revocations.revision))
    .limit(limit)
  return rows.map(readRow)
}

/**
 * A client's record is the revocations of all that it created. They are few, and found first: by their column alone Postgres
 * would rather walk the log, newest first, until the page is full.
 */
function isAbout(scope: ListableScope): SQL {
  return scope.kind === 'client'
    ? sql`${revocations.revision} = any(array(select revision from revocations where client_id = ${scope.clientId}))`
    : mayConcern(sql`revocations`, columnsOf(scope))
}

function readRow(row: typeof revocations.$inferSelect): Revocation {
  const { invalidated, previouslyInvalidated } = row
  return {
    revision: row.revision,
    selector: selectorOf(row),
    pairId: row.pairId ?? undefined,
    sessionId: row.sessionId ?? undefined,
    realm: row.realm ?? undefined,
    username: row.username ?? undefined,
    clientId: row.clientId ?? undefined,
    bound: row.bound ?? undefined,
    sparedSessionId: row.sparedSessionId ?? undefined,
    at: row.at,
    caller: row.caller,
    reason: row.reason ?? undefined,
    comment: row.comment ?? undefined,
    counts: invalidated === null || previouslyInvalidated === null ? undefined : { invalidated, previouslyInvalidated },
  }
}

function selectorOf({ selector, clientId, everything }: typeof revocations.$inferSelect): Revocation['selector'] {
  if (clientId !== null) return 'client'
  if (everything !== null) return 'everything'
  return selectors[selector]
}

const selectors = {
  access_token: 'access-token',
  refresh_token: 'refresh-token',
  session: 'session',
  owner: 'owner',
} as const
