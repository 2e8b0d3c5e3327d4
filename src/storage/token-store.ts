import type { HalfInvalidation, Spending, SpendingAnswer, TokenStore } from '../tokens/store.ts'
import { askOnce, createBatcher } from './batch.ts'
import type { Database } from './engine/database.ts'
import { guardStorage } from './engine/errors.ts'
import { prepareFind } from './find.ts'
import { prepareInvalidateHalves } from './invalidate-half.ts'
import { prepareCountScope, prepareInvalidateScope } from './invalidate-scope.ts'
import { prepareIssue } from './issue.ts'
import { lostRace, prepareRefresh } from './refresh.ts'
import { prepareFindSessions, prepareListSessions } from './sessions.ts'

/** The token store on Postgres or PGlite. Concurrent requests share statements and commits. */
export function createTokenStore(database: Database): TokenStore {
  // Two lanes where a statement waits for its commit (a third more invalidations a second). A read is too short for
  // two lanes to help.
  const issue = createBatcher(prepareIssue(database), 2)
  const find = createBatcher(prepareFind(database))
  const spend = createBatcher(prepareRefresh(database), 2)
  const invalidateHalf = createBatcher(notifying(database, prepareInvalidateHalves(database)), 2)
  const invalidateScope = prepareInvalidateScope(database)
  const countScope = prepareCountScope(database)
  const findSession = createBatcher(askOnce(prepareFindSessions(database)))
  const listSessions = prepareListSessions(database, findSession)

  return {
    issue: (pair) => guardStorage(async () => (await issue(pair)) ?? undefined),
    find: (key) => guardStorage(async () => (await find(key)) ?? undefined),
    refresh: (spending) => guardStorage(() => refresh(spending)),
    invalidateHalf: (reference, by) => guardStorage(() => invalidateHalf({ reference, by })),
    invalidateScope: (scope, by) => guardStorage(() => invalidateScope(scope, by)),
    countScope: (scope, at) => guardStorage(() => countScope(scope, at)),
    findSession: (id, at) => guardStorage(async () => (await findSession({ id, at })) ?? undefined),
    listSessions: (page) => guardStorage(() => listSessions(page)),
  }

  async function refresh(spending: Spending): Promise<SpendingAnswer> {
    for (;;) {
      const answer = await spend(spending)
      if (answer !== lostRace) return answer
    }
  }
}

/** Notifies followers once for a batch, after its commit, and does not wait for it. */
function notifying<Half>(
  { notifications }: Database,
  invalidateHalves: (halves: readonly Half[]) => Promise<readonly HalfInvalidation[]>,
): typeof invalidateHalves {
  return async (halves) => {
    const answers = await invalidateHalves(halves)
    if (answers.some(({ outcome }) => outcome === 'newly')) notifications.notify()
    return answers
  }
}
