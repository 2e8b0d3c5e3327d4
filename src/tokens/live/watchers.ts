import { covers, type RevocableToken, type Revocation } from '../revocation.ts'

/** Somebody signed in who waits for the end of their access token. */
export interface Page {
  readonly token: RevocableToken
  readonly onEnd: (revocation: Revocation) => void
}

/**
 * The pages that wait, found without walking all of them: by realm, username and session, which every revocation names
 * as far as it reaches. One entry a page, whatever the revocation.
 */
export interface Pages {
  /** Answers the function that takes it out again. */
  add(page: Page): () => void
  /** Tells every page whose token this revocation ends. */
  tell(revocation: Revocation): void
  readonly size: number
}

type Sessions = Map<number, Set<Page>>

export function createPages(): Pages {
  const realms = new Map<string, Map<string, Sessions>>()
  let size = 0

  return {
    add(page) {
      const { id, owner } = page.token.session
      const names = entry(realms, owner.realm, () => new Map<string, Sessions>())
      const sessions = entry(names, owner.username, (): Sessions => new Map())
      const pages = entry(sessions, id, () => new Set<Page>())
      pages.add(page)
      size++
      return () => {
        if (!pages.delete(page)) return
        size--
        // What is empty goes, unless somebody has put another in its place.
        if (pages.size === 0 && sessions.get(id) === pages) sessions.delete(id)
        if (sessions.size === 0 && names.get(owner.username) === sessions) names.delete(owner.username)
        if (names.size === 0 && realms.get(owner.realm) === names) realms.delete(owner.realm)
      }
    },
    tell(revocation) {
      for (const page of [...reached(revocation)]) if (covers(revocation, page.token)) page.onEnd(revocation)
    },
    get size() {
      return size
    },
  }

  function* reached({ realm, username, sessionId }: Revocation): Iterable<Page> {
    for (const names of realm === undefined ? realms.values() : present(realms.get(realm)))
      for (const sessions of username === undefined ? names.values() : present(names.get(username)))
        for (const pages of sessionId === undefined ? sessions.values() : present(sessions.get(sessionId))) yield* pages
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
