import { type Caller, callerLabel } from './caller.ts'
import type { InvalidationCounts } from './coverage.ts'
import { TokenServiceError } from './errors.ts'
import { badInput } from './input-fault.ts'
import type { Attribution } from './store.ts'

/**
 * A backup that is restored makes tokens valid again that ended after it was taken, and takes back numbers that were
 * given out. An operator says what was lost, because the database cannot know.
 */
export interface RestoreOptions {
  /**
   * When the restored database was first used again: sessions that began later live on. All end if it is left out:
   * those in a database that was not used since are all as old as the backup.
   */
  readonly since?: Date | undefined
  /** Nothing was written between the backup or copy and now: no token ends. */
  readonly nothingLost?: boolean
  /** Count what would end, and change nothing. */
  readonly dryRun?: boolean
}

/** What was lost: nothing, or what was written before an instant; by default, before now. */
export type Loss = { readonly kind: 'nothing' } | { readonly kind: 'writes'; readonly before: Date | undefined }

export interface RestoreAnswer extends InvalidationCounts {
  /** The revision of the row in the log; undefined if nothing could end, and for a dry run. */
  readonly revision: number | undefined
  /** Names the history of the database that begins now; for a dry run, the one that is still current. */
  readonly epoch: string
}

/** The storage port for completing a restore. */
export interface RestoreStore {
  /**
   * Ends what may have been ended after the backup, moves the numbers beyond all that were given out since, and begins
   * a new epoch, so that followers read the log anew. All in one commit, while no other statement writes.
   *
   * @throws TokenServiceError ERR_STORAGE_UNAVAILABLE; ERR_DATABASE_RESTORED: its numbers are used up
   */
  complete(loss: Loss, by: Attribution): Promise<RestoreAnswer>
  /** What `complete` would answer now. Changes nothing. */
  count(loss: Loss, at: Date): Promise<RestoreAnswer>
}

interface RestoreDependencies {
  readonly restores: RestoreStore
  readonly clock: () => Date
}

/**
 * Completes the restore or the copy of a database by what the operator says was lost. No route reaches this: only an
 * operator knows which backup was restored.
 *
 * @throws TokenServiceError ERR_FORBIDDEN: not an operator; ERR_BAD_INPUT; ERR_STORAGE_UNAVAILABLE;
 * ERR_DATABASE_RESTORED
 */
export async function completeRestore(
  { restores, clock }: RestoreDependencies,
  { since, nothingLost = false, dryRun = false }: RestoreOptions,
  caller: Caller,
): Promise<RestoreAnswer> {
  if (caller.kind !== 'operator')
    throw new TokenServiceError('ERR_FORBIDDEN', 'Only an operator can say that the database was restored.')
  if (since !== undefined && nothingLost)
    throw badInput({ field: 'since', notWith: 'nothingLost', because: 'nothing ends if nothing was lost' })
  const at = clock()
  if (since !== undefined && !(since <= at))
    throw badInput({ field: 'since', expected: 'to be an instant in the past' })
  const loss: Loss = nothingLost ? { kind: 'nothing' } : { kind: 'writes', before: since }
  if (dryRun) return restores.count(loss, at)
  return restores.complete(loss, { at, caller: callerLabel(caller), comment: 'database restored' })
}
