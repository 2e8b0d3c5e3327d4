import type { Admission, Guard, GuardOptions, GuardStatus, Verdict } from './api.ts'
import { Checks, stale } from './checks.ts'
import type { GuardEvent, GuardState } from './events.ts'
import { FirstSights } from './first-sights.ts'
import { Follower } from './follower.ts'
import type { KnownToken } from './known-token.ts'
import { readClaims, type Sighting } from './read-claims.ts'
import { readBearer, refusalOf } from './refusals.ts'
import { RevocationSet } from './revocation-set.ts'
import { StateObserver } from './state-observer.ts'
import { type Clocks, machineClocks, Timekeeper } from './timekeeper.ts'
import { background } from './timers.ts'
import { TokenWatch } from './token-watch.ts'

/** Streams outlast the guard's knowledge by so much, so that a short outage of the service does not end them all. */
const streamsOutlastMs = 30_000
/** Forgetting takes so long at once, and then lets other work go first. */
const forgetMs = 2

/**
 * A guard: it follows the revocations of a source, and decides in this process whether an access token is valid. It
 * connects at once, and answers 503 until it knows everything (`ready`).
 *
 * @throws RangeError: an option is out of range
 * @example
 * const guard = createGuard({ source: fromService({ url, clientId: 'gateway', secret }) })
 * await guard.ready()
 * const admission = await guard.admit(request.headers.authorization)
 */
export function createGuard(options: GuardOptions): Guard {
  return createGuardWithClocks(options, machineClocks)
}

/** With the clocks of a test. */
export function createGuardWithClocks(options: GuardOptions, clocks: Clocks): Guard {
  const { source, whenStale = 'refuse', maxStalenessMs = 5_000, passForMs = 60_000, knownTokens = 100_000 } = options
  const { atOnce = 64, waiting = 1_024 } = options.asking ?? {}
  // Heartbeats come each second, and a connection without one is given up after half of this.
  assertWithin('maxStalenessMs', maxStalenessMs, [3_000, 60_000])
  assertWithin('passForMs', passForMs, [0, 86_400_000])
  assertWithin('knownTokens', knownTokens, [2, 100_000_000])
  assertWithin('asking.atOnce', atOnce, [1, 10_000])
  assertWithin('asking.waiting', waiting, [0, 1_000_000])

  const time = new Timekeeper(clocks)
  const revocations = new RevocationSet()
  const counts = { valid: 0, invalid: 0, unsure: 0, passedWhileStale: 0 }
  let isForgetting = false
  let lastFollowing = time.moment()
  const watch = new TokenWatch({ revocations, time, report: reportFailure })
  const firstSights = new FirstSights({ source, atOnce, waiting })
  const follower = new Follower({
    source,
    revocations,
    time,
    maxStalenessMs,
    report,
    onApplied: (sections) => watch.endRevoked(sections),
    onReset(reason) {
      if (reason !== 'epoch') return
      revocations.clear()
      checks.clear()
      watch.endAll('reset')
    },
    onProgress() {
      forgetSome()
      observer.observe()
    },
  })
  const checks = new Checks({
    follower,
    revocations,
    firstSights,
    time,
    whenStale,
    knownTokens,
    passUntilMs: maxStalenessMs + passForMs,
    onPass() {
      if (counts.passedWhileStale === 0) report({ name: 'passing_while_stale' })
      counts.passedWhileStale++
    },
  })
  const observer = new StateObserver({ stateNow: () => follower.state, report, onObserved })
  const running = follower.run().catch(reportFailure)

  return {
    check: (token) => judged(() => checks.check(token)),
    recheck(token) {
      const sighting = sightingOf(token)
      return judgedAtOnce(() => checks.checkSighting(sighting))
    },
    checkClaims: (claims) =>
      judgedAtOnce(() => {
        const sighting = readClaims(claims)
        return sighting === undefined ? { outcome: 'invalid' } : checks.checkSighting(sighting)
      }),
    admit(authorization) {
      const token = readBearer(authorization)
      if (token === undefined) return { ok: true, token: undefined }
      const verdict = judged(() => checks.check(token))
      return verdict instanceof Promise ? verdict.then(admissionOf) : admissionOf(verdict)
    },
    watch: (token, onEnd) => watch.watch(sightingOf(token), onEnd),
    ready: ({ withinMs } = {}) => observer.waitForFollowing(withinMs),
    get status() {
      return status()
    },
    async close() {
      follower.close()
      firstSights.close()
      observer.close()
      watch.endAll('closed')
      await running
    },
  }

  function sightingOf(token: KnownToken): Sighting {
    const sighting = checks.sightingOf(token)
    if (sighting === undefined) throw new TypeError('Expected a token that this guard has answered, and not a copy')
    return sighting
  }

  function judgedAtOnce(judge: () => Verdict): Verdict {
    try {
      return counted(judge())
    } catch (error) {
      return counted(fail(error))
    }
  }

  /** Counts the verdict. A fault of this package is no reason to let a token pass. */
  function judged(judge: () => Verdict | Promise<Verdict>): Verdict | Promise<Verdict> {
    try {
      const verdict = judge()
      return verdict instanceof Promise ? verdict.catch(fail).then(counted) : counted(verdict)
    } catch (error) {
      return counted(fail(error))
    }
  }

  function counted(verdict: Verdict): Verdict {
    counts[verdict.outcome]++
    return verdict
  }

  function fail(error: unknown): Verdict {
    reportFailure(error)
    return stale
  }

  function report(event: GuardEvent): void {
    try {
      options.onEvent?.(event)
    } catch {
      // A fault of the observer must not stop the guard.
    }
  }

  function reportFailure(error: unknown): void {
    report({ name: 'check_failed', error })
  }

  /** Ends the streams that have outlasted the guard's knowledge, and after a gap those that were revoked in it. */
  function onObserved(state: GuardState, hasChanged: boolean): void {
    if (time.adoptSetBack()) report({ name: 'clock_set_back' })
    if (state === 'FOLLOWING') lastFollowing = time.moment()
    else if (whenStale === 'refuse' && time.since(lastFollowing) > streamsOutlastMs) watch.endAll('stale')
    if (state === 'FOLLOWING' && hasChanged) watch.endAllRevoked()
  }

  function forgetSome(): void {
    if (isForgetting) return
    const until = clocks.monotonic() + forgetMs
    while (revocations.forgetSome(time.seconds())) {
      if (clocks.monotonic() < until) continue
      isForgetting = true
      background(
        setTimeout(() => {
          isForgetting = false
          forgetSome()
        }),
      )
      return
    }
  }

  function status(): GuardStatus {
    return {
      state: follower.state,
      stalenessMs: follower.stalenessMs,
      epoch: follower.epoch,
      entries: revocations.entries,
      bytes: revocations.bytes,
      knownTokens: checks.knownTokens,
      watchedTokens: watch.size,
      asking: firstSights.asking,
      counts: { ...counts, firstSights: checks.firstSights, ended: watch.ended },
    }
  }
}

function admissionOf(verdict: Verdict): Admission {
  return verdict.outcome === 'valid' ? { ok: true, token: verdict.token } : refusalOf(verdict)
}

function assertWithin(name: string, value: number, [least, most]: readonly [number, number]): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`Expected \`${name}\` to be a whole number from ${least} to ${most}, got ${value}`)
}
