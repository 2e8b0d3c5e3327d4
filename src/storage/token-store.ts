import type { Spending, SpendingAnswer, TokenStore } from '../tokens/store.ts'
import { createBatcher } from './batch.ts'
import type { Database } from './database.ts'
import { guardStorage } from './errors.ts'
import { prepareFind } from './find.ts'
import { prepareInvalidateHalves } from './invalidate-half.ts'
import { invalidateOwner, invalidateSession } from './invalidate-scope.ts'
import { prepareIssue } from './issue.ts'
import { outpaced, prepareRefresh } from './refresh.ts'

/** The token store on Postgres or PGlite. Requests that come at the same time share statements and commits. */
export function createTokenStore(database: Database): TokenStore {
  // Two lanes where there is a commit to wait for (a third more invalidations a second); a read is over too soon.
  const issue = createBatcher(prepareIssue(database), 2)
  const find = createBatcher(prepareFind(database))
  const spend = createBatcher(prepareRefresh(database), 2)
  const invalidateHalf = createBatcher(prepareInvalidateHalves(database), 2)

  return {
    issue: (pair) => guardStorage(() => issue(pair)),
    find: (key) => guardStorage(async () => (await find(key)) ?? undefined),
    refresh: (spending) => guardStorage(() => refresh(spending)),
    invalidateHalf: (reference, by) => guardStorage(() => invalidateHalf({ reference, by })),
    invalidateSession: (session, by) => guardStorage(() => invalidateSession(database, session, by)),
    invalidateOwner: (scope, by) => guardStorage(() => invalidateOwner(database, scope, by)),
  }

  async function refresh(spending: Spending): Promise<SpendingAnswer> {
    for (;;) {
      const answer = await spend(spending)
      if (answer !== outpaced) return answer
    }
  }
}
