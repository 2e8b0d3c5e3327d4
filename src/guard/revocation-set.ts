import { type BlockSection, horizonSeconds } from '../tokens/block.ts'
import { AgingSet } from './aging-set.ts'
import { OwnerBounds, type SessionOwner } from './bounds.ts'

/** What decides whether an access token has ended. */
export interface RevocableAccessToken extends SessionOwner {
  readonly pairId: number
}

/** Bounds that are looked at each time, to forget them. */
const boundsAtOnce = 1_000

/**
 * All revocations that can still cover a live access token. Adding is idempotent and commutative. Imports nothing of
 * Node, so that it runs wherever JavaScript does.
 */
export class RevocationSet {
  #tokens = new AgingSet()
  #sessions = new AgingSet()
  #owners = new OwnerBounds()
  #added = 0

  /** How often something was added: as long as it is the same, so is every answer. */
  get added(): number {
    return this.#added
  }

  get entries(): { readonly tokens: number; readonly sessions: number; readonly owners: number } {
    return { tokens: this.#tokens.size, sessions: this.#sessions.size, owners: this.#owners.size }
  }

  get bytes(): number {
    return this.#tokens.bytes + this.#sessions.bytes
  }

  covers(token: RevocableAccessToken): boolean {
    return this.#tokens.has(token.pairId) || this.#sessions.has(token.sessionId) || this.#owners.covers(token)
  }

  /** Whether the token alone was revoked: all that can be said of a token whose owner is not known yet. */
  coversPair(pairId: number): boolean {
    return this.#tokens.has(pairId)
  }

  /** `now` is in seconds, on any clock that does not go back. */
  add({ ageSeconds, accessTokens, sessions, owners }: BlockSection, now: number): void {
    const revokedAt = now - ageSeconds
    this.#tokens.add(accessTokens, revokedAt)
    this.#sessions.add(sessions, revokedAt)
    for (const owner of owners) this.#owners.add(owner, revokedAt + horizonSeconds)
    this.#added++
  }

  /** Forgets everything. */
  clear(): void {
    this.#tokens = new AgingSet()
    this.#sessions = new AgingSet()
    this.#owners = new OwnerBounds()
    this.#added++
  }

  /** Forgets a part of what can matter no more, in some tenths of a millisecond. Answers whether there may be more. */
  forgetSome(now: number): boolean {
    this.#owners.forget(now, boundsAtOnce)
    return this.#tokens.forgetChunk(now) || this.#sessions.forgetChunk(now)
  }
}
