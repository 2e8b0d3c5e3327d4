import type { OwnerRevocation } from '../tokens/block.ts'

/**
 * Any number of revocations of one scope, folded into three numbers. A session is covered if its id is below `all`, or
 * below `top` and not `spared`.
 */
class Bound {
  #all = 0
  #top = 0
  #spared: number | undefined
  /** In seconds: when the newest revocation of this scope can matter no more. */
  forgetAt = 0

  covers(sessionId: number): boolean {
    return this.#all > sessionId || (this.#top > sessionId && sessionId !== this.#spared)
  }

  add(bound: number, spared: number | undefined): void {
    if (spared === undefined) {
      this.#all = Math.max(this.#all, bound)
    } else if (this.#spared === undefined || spared === this.#spared) {
      this.#spared = spared
      this.#top = Math.max(this.#top, bound)
    } else {
      // Each covers the session that the other spares, up to the lower of both bounds.
      this.#all = Math.max(this.#all, Math.min(this.#top, bound))
      if (bound > this.#top) this.#spared = spared
      this.#top = Math.max(this.#top, bound)
    }
  }
}

/** Whose session it is, and which client created it. */
export interface SessionOwner {
  readonly sessionId: number
  readonly realmName: string
  readonly username: string
  readonly clientId: string
}

/** The revocations of owners, clients and everything, one bound for each scope. */
export class OwnerBounds {
  readonly #realms = new Map<string, Bound>()
  readonly #usernames = new Map<string, Bound>()
  /** By realm, then by username. */
  readonly #owners = new Map<string, Map<string, Bound>>()
  readonly #clients = new Map<string, Bound>()
  readonly #everything = new Map<'', Bound>()
  #sweep: Iterator<void, void, undefined> | undefined

  get size(): number {
    let size = this.#realms.size + this.#usernames.size + this.#clients.size + this.#everything.size
    for (const usernames of this.#owners.values()) size += usernames.size
    return size
  }

  /** The same rule as `covers` in `src/tokens/coverage.ts`; `test/guard/rule.test.ts` compares the two. */
  covers({ sessionId, realmName, username, clientId }: SessionOwner): boolean {
    return (
      this.#isCovered(this.#owners.get(realmName)?.get(username), sessionId) ||
      this.#isCovered(this.#realms.get(realmName), sessionId) ||
      this.#isCovered(this.#usernames.get(username), sessionId) ||
      this.#isCovered(this.#clients.get(clientId), sessionId) ||
      this.#isCovered(this.#everything.get(''), sessionId)
    )
  }

  add({ realm, username, clientId, bound, sparedSessionId }: OwnerRevocation, forgetAt: number): void {
    const folded = this.#boundOf({ realm, username, clientId })
    folded.add(bound, sparedSessionId)
    folded.forgetAt = Math.max(folded.forgetAt, forgetAt)
  }

  /** Forgets some of the bounds that can matter no more: at most `steps` are looked at. */
  forget(now: number, steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#sweep ??= this.#sweepAll(now)
      if (this.#sweep.next().done !== true) continue
      this.#sweep = undefined
      return
    }
  }

  #isCovered(bound: Bound | undefined, sessionId: number): boolean {
    return bound?.covers(sessionId) ?? false
  }

  #boundOf({ realm, username, clientId }: Pick<OwnerRevocation, 'realm' | 'username' | 'clientId'>): Bound {
    if (clientId !== undefined) return entry(this.#clients, clientId)
    if (realm !== undefined && username !== undefined) {
      let usernames = this.#owners.get(realm)
      if (usernames === undefined) {
        usernames = new Map()
        this.#owners.set(realm, usernames)
      }
      return entry(usernames, username)
    }
    if (realm !== undefined) return entry(this.#realms, realm)
    return username === undefined ? entry(this.#everything, '') : entry(this.#usernames, username)
  }

  *#sweepAll(now: number): Generator<void, void, undefined> {
    for (const bounds of [this.#realms, this.#usernames, this.#clients]) yield* sweep(bounds, now)
    yield* sweep(this.#everything, now)
    for (const [realm, usernames] of this.#owners) {
      yield* sweep(usernames, now)
      if (usernames.size === 0) this.#owners.delete(realm)
    }
  }
}

function* sweep<Key>(bounds: Map<Key, Bound>, now: number): Generator<void, void, undefined> {
  for (const [key, { forgetAt }] of bounds) {
    if (forgetAt <= now) bounds.delete(key)
    yield
  }
}

function entry<Key>(bounds: Map<Key, Bound>, key: Key): Bound {
  let bound = bounds.get(key)
  if (bound === undefined) {
    bound = new Bound()
    bounds.set(key, bound)
  }
  return bound
}
