import { covers, type RevocableToken, type Revocation } from '../revocation.ts'

/** Somebody signed in who waits for the end of their access token. */
interface TokenWatcher {
  readonly token: RevocableToken
  readonly onEnd: (revocation: Revocation) => void
}

/**
 * The watchers that wait, found without walking all of them: by realm, username and session, which every revocation names
 * as far as it reaches. One entry a watcher, whatever the revocation.
 */
export interface Watchers {
  /** Answers the function that takes it out again. */
  add(watcher: TokenWatcher): () => void
  /** Tells every watcher whose token this revocation ends. */
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
        // What is empty goes, unless somebody has put another in its place.
        if (watchers.size === 0 && sessions.get(id) === watchers) sessions.delete(id)
        if (sessions.size === 0 && names.get(owner.username) === sessions) names.delete(owner.username)
        if (names.size === 0 && realms.get(owner.realm) === names) realms.delete(owner.realm)
      }
    },
    notify(revocation) {
      for (const watcher of [...reached(revocation)]) if (covers(revocation, watcher.token)) watcher.onEnd(revocation)
    },
    get size() {
      return size
    },
  }

  function* reached({ realm, username, sessionId }: Revocation): Iterable<TokenWatcher> {
    for (const names of realm === undefined ? realms.values() : present(realms.get(realm)))
      for (const sessions of username === undefined ? names.values() : present(names.get(username)))
        for (const watchers of sessionId === undefined ? sessions.values() : present(sessions.get(sessionId)))
          yield* watchers
  }
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const created = create()
  map.set(key, created)
  return created
}

function present<Value>(value: Value | undefined): readonly Value[] {
  return value === undefined ? [] : [value]
}
