import { hash } from 'node:crypto'
import { readToken } from '../tokens/token.ts'
import type { InvalidVerdict, UnsureVerdict, ValidVerdict, Verdict } from './api.ts'
import type { FirstSights } from './first-sights.ts'
import type { Follower } from './follower.ts'
import type { IntrospectedToken, KnownToken } from './known-token.ts'
import { readIntrospected, type Sighting } from './read-claims.ts'
import { RecentMap } from './recent-map.ts'
import type { RevocationSet } from './revocation-set.ts'
import type { Timekeeper } from './timekeeper.ts'

export interface ChecksOptions {
  readonly follower: Pick<Follower, 'state' | 'epoch' | 'stalenessMs'>
  readonly revocations: RevocationSet
  readonly firstSights: Pick<FirstSights, 'ask'>
  readonly time: Timekeeper
  readonly whenStale: 'refuse' | 'ask' | 'pass'
  /** For how long, in ms since it was known that everything is known, tokens are let through by `pass`. */
  readonly passUntilMs: number
  readonly knownTokens: number
  readonly onPass: () => void
}

/** A token that was found valid once. */
interface KnownEntry extends Sighting {
  readonly verdict: ValidVerdict
  /** After which addition of revocations it was last found not to be covered. */
  goodAt: number
}

/** A token with its digest, under which it is remembered. */
interface AskedToken {
  readonly token: string
  readonly digest: string
}

const invalid: InvalidVerdict = { outcome: 'invalid' }
export const stale: UnsureVerdict = { outcome: 'unsure', code: 'REVOCATION_STATE_STALE', retryAfterSeconds: 1 }
const unanswered: UnsureVerdict = { outcome: 'unsure', code: 'SERVICE_UNAVAILABLE', retryAfterSeconds: 1 }

/** Longer than any access token. What is longer is refused unread. */
const longestToken = 8_192
/** Tokens of which the service has said that they are not valid. That is final. */
const mostInactive = 10_000
/** A first sight is asked again if the database became another one meanwhile: so often. */
const mostTries = 3

/**
 * Judges tokens. In each check, what is known to be invalid is refused first, in every state; only then does the state
 * decide whether the rest is known.
 */
export class Checks {
  readonly #options: ChecksOptions
  /** By the digest of the token, so that a dump of the memory holds no token. */
  readonly #known: RecentMap<KnownEntry>
  readonly #inactive = new RecentMap<true>(mostInactive)
  readonly #sightings = new WeakMap<KnownToken, Sighting>()
  #firstSights = 0

  constructor(options: ChecksOptions) {
    this.#options = options
    this.#known = new RecentMap(options.knownTokens)
  }

  get knownTokens(): number {
    return this.#known.size
  }

  get firstSights(): number {
    return this.#firstSights
  }

  /** What is behind a token that this guard has answered. Undefined for any other object. */
  sightingOf(token: KnownToken): Sighting | undefined {
    return this.#sightings.get(token)
  }

  check(token: string): Verdict | Promise<Verdict> {
    if (token.length > longestToken) return invalid
    const asked = { token, digest: hash('sha256', token, 'binary') }
    const known = this.#known.get(asked.digest)
    return known === undefined ? this.#checkUnknown(asked) : this.#judge(known, asked)
  }

  checkSighting(sighting: Sighting): Verdict {
    const entry = this.#remember(sighting)
    if (this.#isEnded(entry)) return invalid
    return this.#isSure() || this.#mayPass() ? entry.verdict : stale
  }

  /** Forgets all tokens: in another history of the database, their numbers may name others. */
  clear(): void {
    this.#known.clear()
    this.#inactive.clear()
  }

  #judge(entry: KnownEntry, asked: AskedToken): Verdict | Promise<Verdict> {
    if (this.#isEnded(entry)) return invalid
    if (this.#isSure() || this.#mayPass()) return entry.verdict
    return this.#options.whenStale === 'ask' ? this.#askAnew(asked, entry.revocable.pairId) : stale
  }

  #checkUnknown(asked: AskedToken): Verdict | Promise<Verdict> {
    const presented = readToken(asked.token)
    if (presented === undefined || presented.half === 'refresh') return invalid
    if (presented.expiresAt.getTime() <= this.#options.time.now()) return invalid
    if (this.#inactive.get(asked.digest) || this.#options.revocations.coversPair(presented.id)) return invalid
    if (this.#isSure()) return this.#seeFirst(asked, presented.id)
    return this.#options.whenStale === 'ask' && !this.#isClosed() ? this.#askAnew(asked, presented.id) : stale
  }

  async #seeFirst(asked: AskedToken, pairId: number): Promise<Verdict> {
    const { follower } = this.#options
    for (let tries = 0; tries < mostTries; tries++) {
      const { epoch } = follower
      this.#firstSights++
      const found = await this.#ask(asked)
      if (found === 'no answer') return unanswered
      // An answer from before the database was replaced says nothing about the one after it.
      if (follower.epoch !== epoch) continue
      const sighting = found && readIntrospected(found, pairId)
      if (sighting === undefined) {
        this.#inactive.set(asked.digest, true)
        return invalid
      }
      const entry = this.#remember(sighting)
      this.#known.set(asked.digest, entry)
      return this.#judge(entry, asked)
    }
    return unanswered
  }

  /** While the guard does not know enough, with `ask`: each token each time. */
  async #askAnew(asked: AskedToken, pairId: number): Promise<Verdict> {
    const found = await this.#ask(asked)
    if (found === 'no answer') return unanswered
    const sighting = found && readIntrospected(found, pairId)
    if (sighting === undefined) return invalid
    const entry = this.#remember(sighting)
    return this.#isEnded(entry) ? invalid : entry.verdict
  }

  #ask({ token, digest }: AskedToken): Promise<IntrospectedToken | undefined | 'no answer'> {
    return this.#options.firstSights.ask(token, digest).catch(() => 'no answer' as const)
  }

  #remember(sighting: Sighting): KnownEntry {
    this.#sightings.set(sighting.token, sighting)
    return { ...sighting, verdict: { outcome: 'valid', token: sighting.token }, goodAt: -1 }
  }

  /** Whether it has expired or is known to be revoked. The set is asked again only when something was added. */
  #isEnded(entry: KnownEntry): boolean {
    const { time, revocations } = this.#options
    if (entry.expiresAtMs <= time.now()) return true
    if (entry.goodAt === revocations.added) return false
    if (revocations.covers(entry.revocable)) return true
    entry.goodAt = revocations.added
    return false
  }

  #isSure(): boolean {
    return this.#options.follower.state === 'FOLLOWING'
  }

  #isClosed(): boolean {
    return this.#options.follower.state === 'CLOSED'
  }

  /** Only after everything was known once in this epoch: a restart in an outage would accept every revoked token. */
  #mayPass(): boolean {
    const { whenStale, follower, passUntilMs, onPass } = this.#options
    const mayPass = whenStale === 'pass' && follower.state === 'STALE' && follower.stalenessMs <= passUntilMs
    if (mayPass) onPass()
    return mayPass
  }
}
