import type { BlockSection, OwnerRevocation } from '../tokens/block.ts'
import type { RevocableAccessToken } from './revocation-set.ts'

/** A token that somebody waits for the end of. */
export interface LiveToken {
  readonly token: RevocableAccessToken
}

/**
 * The tokens that streams depend on, by what a revocation names. So a revocation is compared only with the tokens that it
 * may cover.
 */
export class LiveTokens<Live extends LiveToken> {
  readonly #all = new Set<Live>()
  readonly #byPair = new Map<number, Set<Live>>()
  readonly #bySession = new Map<number, Set<Live>>()
  readonly #byRealm = new Map<string, Set<Live>>()
  readonly #byUsername = new Map<string, Set<Live>>()

  get size(): number {
    return this.#all.size
  }

  /** Answers the function that removes it. */
  add(live: Live): () => void {
    const { pairId, sessionId, realmName, username } = live.token
    this.#all.add(live)
    const removals = [
      put(this.#byPair, pairId, live),
      put(this.#bySession, sessionId, live),
      put(this.#byRealm, realmName, live),
      put(this.#byUsername, username, live),
    ]
    return () => {
      if (!this.#all.delete(live)) return
      for (const remove of removals) remove()
    }
  }

  has(live: Live): boolean {
    return this.#all.has(live)
  }

  /** Those that these revocations may cover, each once. */
  candidates(sections: readonly BlockSection[]): ReadonlySet<Live> {
    const found = new Set<Live>()
    if (this.#all.size === 0) return found
    const take = (some: ReadonlySet<Live> | undefined) => {
      if (some !== undefined) for (const live of some) found.add(live)
    }
    for (const { accessTokens, sessions, owners } of sections) {
      for (const id of accessTokens) take(this.#byPair.get(id))
      for (const id of sessions) take(this.#bySession.get(id))
      for (const owner of owners) take(this.#ofOwner(owner))
    }
    return found
  }

  all(): readonly Live[] {
    return [...this.#all]
  }

  /** The names of one owner: of both, those that have the username, which are fewer than a realm. */
  #ofOwner({ realm, username }: OwnerRevocation): ReadonlySet<Live> | undefined {
    if (username !== undefined) return this.#byUsername.get(username)
    return realm === undefined ? this.#all : this.#byRealm.get(realm)
  }
}

/** Answers the function that removes it again. */
function put<Key, Live>(index: Map<Key, Set<Live>>, key: Key, live: Live): () => void {
  const some = index.get(key) ?? new Set<Live>()
  index.set(key, some.add(live))
  return () => {
    some.delete(live)
    if (some.size === 0 && index.get(key) === some) index.delete(key)
  }
}
