/**
 * The index of the callers that wait for the end of their access token.
 *
 * States of a watcher:
 * - Waiting: it is in the index, and is notified of each revocation that covers its token, so also of a second one. The
 *   function that `add` answered removes it.
 * - Removed: it is notified no more. Calling that function again does nothing.
 *
 * The index has a level each for realm, username and session, because each revocation names as many of these as it
 * covers. So a revocation is compared only with the watchers that it may cover, not with all. Each watcher has one
 * entry, and an empty level is deleted.
 */
import { covers, type RevocableToken, type Revocation } from '../coverage.ts'

/** A caller that waits for the end of its access token. */
interface TokenWatcher {
  readonly token: RevocableToken
  readonly onEnd: (revocation: Revocation) => void
}

/** The waiting watchers, indexed as described at the top of this file. */
export interface Watchers {
  /** Adds a watcher and answers the function that removes it. */
  add(watcher: TokenWatcher): () => void
  /** Notifies every watcher whose token this revocation covers. */
  notify(revocation: Revocation): void
  readonly size: number
}

type Sessions = Map<number, Set<TokenWatcher>>

export function createWatchers(): Watchers {
  const realms = new Map<string, Map<string, Sessions>>()
  let size = 0

  return {
    add(watcher) {
      const { id, owner } = watcher.token.session
      const names = entry(realms, owner.realm, () => new Map<string, Sessions>())
      const sessions = entry(names, owner.username, (): Sessions => new Map())
      const watchers = entry(sessions, id, () => new Set<TokenWatcher>())
      watchers.add(watcher)
      size++
      return () => {
        if (!watchers.delete(watcher)) return
        size--
        // Delete empty levels, unless a later `add` has put a new one in their place.
        if (watchers.size === 0 && sessions.get(id) === watchers) sessions.delete(id)
        if (sessions.size === 0 && names.get(owner.username) === sessions) names.delete(owner.username)
        if (names.size === 0 && realms.get(owner.realm) === names) realms.delete(owner.realm)
      }
    },
    notify(revocation) {
      for (const watcher of [...candidates(revocation)])
        if (covers(revocation, watcher.token)) watcher.onEnd(revocation)
    },
    get size() {
      return size
    },
  }

  /** The watchers that a revocation may cover, by the names that it has. */
  function* candidates({ realm, username, sessionId }: Revocation): Iterable<TokenWatcher> {
    for (const names of realm === undefined ? realms.values() : present(realms.get(realm)))
      for (const sessions of username === undefined ? names.values() : present(names.get(username)))
        for (const watchers of sessionId === undefined ? sessions.values() : present(sessions.get(sessionId)))
          yield* watchers
  }
}

/** The value of a key, created if it is missing. */
function entry<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  const existing = map.get(key)
  if (existing !== undefined) return existing
  const created = create()
  map.set(key, created)
  return created
}

/** A list of the value, or an empty list if there is none. */
function present<Value>(value: Value | undefined): readonly Value[] {
  return value === undefined ? [] : [value]
}
