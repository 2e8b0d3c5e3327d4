import { nothingAppended } from '../tokens/block.ts'
import type { HalfInvalidation, Spending, SpendingAnswer, StoredPair, TokenStore } from '../tokens/store.ts'
import type { PairKey } from '../tokens/token.ts'
import { askOnce, createBatcher } from './batch.ts'
import type { Database } from './engine/database.ts'
import { guardOf } from './engine/identity.ts'
import { prepareFind } from './find.ts'
import { type HalfToInvalidate, prepareInvalidateHalves } from './invalidate-half.ts'
import { prepareCountScope, prepareInvalidateScope } from './invalidate-scope.ts'
import { prepareIssue } from './issue.ts'
import { lostRace, prepareRefresh } from './refresh.ts'
import { prepareFindSessions, prepareListSessions } from './sessions.ts'
import { watchUnreachedNumbers } from './unreached-numbers.ts'

/** The token store on Postgres or PGlite. Concurrent requests share statements and commits. */
export function createTokenStore(database: Database): TokenStore {
  const { observer } = database
  const guardStorage = guardOf(database)
  const noticeUnknown = watchUnreachedNumbers(database)
  // Two statements at once where a statement waits for its commit (a third more invalidations a second). A read is too
  // short for a second one to help.
  const issue = createBatcher(prepareIssue(database), { name: 'issue', observer, concurrency: 2 })
  const find = createBatcher(prepareFind(database), { name: 'find', observer })
  const spend = createBatcher(prepareRefresh(database), { name: 'refresh', observer, concurrency: 2 })
  const invalidateHalf = createBatcher(notifying(database, prepareInvalidateHalves(database)), {
    name: 'invalidate_half',
    observer,
    concurrency: 2,
  })
  const invalidateScope = prepareInvalidateScope(database)
  const countScope = prepareCountScope(database)
  const findSession = createBatcher(askOnce(prepareFindSessions(database)), { name: 'find_session', observer })
  const listSessions = prepareListSessions(database, findSession)

  return {
    issue: (pair) => guardStorage(async () => (await issue(pair)) ?? undefined),
    find: (key) => guardStorage(() => findPair(key)),
    refresh: (spending) => guardStorage(() => refresh(spending)),
    invalidateHalf: (reference, by) => guardStorage(() => endHalf({ reference, by })),
    invalidateScope: (scope, by) => guardStorage(() => invalidateScope(scope, by)),
    countScope: (scope, at) => guardStorage(() => countScope(scope, at)),
    findSession: (id, at) => guardStorage(async () => (await findSession({ id, at })) ?? undefined),
    listSessions: (query) => guardStorage(() => listSessions(query)),
  }

  async function findPair(key: PairKey): Promise<StoredPair | undefined> {
    const pair = await find(key)
    if (pair !== null) return pair
    noticeUnknown(key.id)
    return undefined
  }

  async function refresh(spending: Spending): Promise<SpendingAnswer> {
    for (;;) {
      const answer = await spend(spending)
      if (answer === lostRace) continue
      if (answer.outcome === 'unknown') noticeUnknown(spending.presented.id)
      return answer
    }
  }

  async function endHalf(half: HalfToInvalidate): Promise<HalfInvalidation> {
    const answer = await invalidateHalf(half)
    if (answer.outcome === 'unknown') noticeUnknown(half.reference.id)
    return answer
  }
}

/** Notifies followers once for a batch, after its commit, and does not wait for it. */
function notifying(
  { notifications }: Database,
  invalidateHalves: (halves: readonly HalfToInvalidate[]) => Promise<readonly HalfInvalidation[]>,
): typeof invalidateHalves {
  return async (halves) => {
    const answers = await invalidateHalves(halves)
    const ended = halves.filter((_, place) => answers[place]?.outcome === 'newly')
    if (ended.length > 0) notifications.notify({ ...nothingAppended, accessTokens: accessTokensOf(ended) })
    return answers
  }
}

function accessTokensOf(halves: readonly HalfToInvalidate[]): readonly number[] {
  return halves.flatMap(({ reference: { half, id } }) => (half === 'access' ? [id] : []))
}
