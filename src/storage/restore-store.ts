import { sql } from 'drizzle-orm'
import { nothingInvalidated } from '../tokens/coverage.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import type { Loss, RestoreAnswer, RestoreStore } from '../tokens/restore.ts'
import type { Attribution, InvalidationScope } from '../tokens/store.ts'
import type { Database, Db } from './engine/database.ts'
import { guardStorage } from './engine/errors.ts'
import { currentEpoch, writeIdentity } from './engine/identity.ts'
import { prepareAppendScope, prepareCountAppended, prepareCountScope } from './invalidate-scope.ts'

/** Without `guardOf`: it is for databases that are refused. */
export function createRestoreStore(database: Database): RestoreStore {
  return {
    complete: (loss, by) => guardStorage(() => complete(database, loss, by)),
    count: (loss, at) => guardStorage(() => count(database, loss, at)),
  }
}

async function complete(database: Database, loss: Loss, by: Attribution): Promise<RestoreAnswer> {
  const { appended, epoch } = await database.db.transaction(async (db) => {
    // Every statement that writes shares this lock, so nothing is written before the commit.
    await db.execute(sql`select lock_scope(null, null)`)
    await moveSequence(db, loss)
    // After the sequence has moved: the revocation's number is above all that were given out, and so is its bound.
    const appended = loss.kind === 'writes' ? await append({ ...database, db }, loss, by) : undefined
    await writeIdentity(db, { newEpoch: true })
    return { appended, epoch: await readEpoch(db) }
  })
  await database.identity.check()
  const counts = appended === undefined ? nothingInvalidated : await prepareCountAppended(database)(appended)
  return { ...counts, revision: appended?.revision, epoch }
}

const append = (database: Database, loss: Lost, by: Attribution) => prepareAppendScope(database)(scopeOf(loss), by)

async function count(database: Database, loss: Loss, at: Date): Promise<RestoreAnswer> {
  const counts = loss.kind === 'writes' ? await prepareCountScope(database)(scopeOf(loss), at) : nothingInvalidated
  return { ...counts, revision: undefined, epoch: await readEpoch(database.db) }
}

type Lost = Extract<Loss, { readonly kind: 'writes' }>

function scopeOf({ before }: Lost): InvalidationScope {
  return { kind: 'sweep', scope: { kind: 'everything' }, issuedBefore: before }
}

async function moveSequence(db: Pick<Db, 'select'>, loss: Loss): Promise<void> {
  const greatest = (column: string, table: string) =>
    sql`coalesce((select max(${sql.raw(column)}) from ${sql.raw(table)}), 0)`
  const [found] = await db
    .select({
      lastValue: sql`last_value`.mapWith(Number),
      // Logical replication copies rows and leaves the sequence behind.
      lastStored: sql`greatest(${greatest('id', 'token_pairs')}, ${greatest('revision', 'revocations')},
        ${greatest('standing_since', 'clients')})`.mapWith(Number),
      seconds: sql`extract(epoch from clock_timestamp())`.mapWith(Number),
    })
    .from(sql`revision`)
  if (found === undefined) throw new Error('The sequence of revisions has no row')
  const last = Math.max(found.lastValue, found.lastStored)
  const next = loss.kind === 'nothing' ? last : beyondAllGivenOut(last, found.seconds)
  if (next > maxRevision)
    throw new TokenServiceError(
      'ERR_DATABASE_RESTORED',
      `The numbers of this database are used up: it is at ${last} and cannot move beyond ${maxRevision}. Begin with an empty database. Nothing was changed.`,
    )
  // Never back, and not to where it is: changes of clients take numbers without the lock.
  if (next > found.lastValue) await db.select({ moved: sql`setval('revision', ${next})` }).from(sql`(select) as one`)
}

/** Of the sequence: a number has 6 bytes in a token. */
const maxRevision = 2 ** 48 - 1

/** 2026-01-01T00:00:00Z, in seconds. No database of this service is older. */
const firstSecond = 1_767_225_600
/** More numbers than one database gives out in a second, over months. */
const mostPerSecond = 100_000
/** Two months at a thousand numbers a second: 4,294,967,296 / 1,000 s = 50 days. */
const margin = 2 ** 32

/**
 * A number that was certainly not given out yet, by this database or by any other that had the same backup.
 *
 * Every history of a database stays below a line: 100,000 numbers for each second since 2026 began. A restore moves the
 * sequence up to the line as it is now, so above all that any history has given out until now, however often which
 * backup was restored. (A distance from the backup's own number would not do: a backup that is restored twice would
 * give out the same numbers twice.) The line meets the greatest number after 89 years: 2^48 / 100,000 s.
 *
 * A sequence above the line (the clock is wrong, or an operator has moved it) moves by a margin instead.
 */
export function beyondAllGivenOut(last: number, nowSeconds: number): number {
  const line = Math.floor((nowSeconds - firstSecond) * mostPerSecond)
  return last < line ? line : last + margin
}

async function readEpoch(db: Pick<Db, 'select'>): Promise<string> {
  const [now] = await db.select({ epoch: currentEpoch }).from(sql`(select) as one`)
  if (now === undefined) throw new Error('The database returned no epoch')
  return now.epoch
}
