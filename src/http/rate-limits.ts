import { hash, randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { EmitEvent, LimitName } from '../events/events.ts'
import type { Credentials } from '../tokens/authenticate.ts'
import { type Caller, callerLabel } from '../tokens/caller.ts'
import { RateLimitedError } from '../tokens/errors.ts'
import type { FailureCounts } from '../tokens/failure-counts.ts'
import { isShowable } from '../tokens/shown-name.ts'
import { readToken } from '../tokens/token.ts'
import type { RequestContext } from './request-context.ts'

/** How many points a minute; 0 for no limit. A point is a request, or work that costs 10: see `graph/prices.ts`. */
export interface RateLimitSettings {
  /** Of failed authentications, for each address. */
  readonly failures: number
  /** For each address, of work without credentials. */
  readonly anonymous: number
  /** For each owner, on whatever address and with whatever session. */
  readonly owner: number
  /** For each client. */
  readonly client: number
}

/**
 * - `failures`: a page of tabs whose tokens have all expired fails some dozen times; a supergraph, behind which all users
 *   have one address, some hundred times.
 * - `anonymous`: refreshes and logouts need no credentials. 200 a second on average are a quarter of a million sessions
 *   on one address that each refresh every 20 minutes.
 * - `owner`: 50 a second, for a person with some devices.
 * - `client`: a client is a program of your own, and some issue thousands of tokens a second.
 */
export const defaultRateLimits: RateLimitSettings = { failures: 600, anonymous: 12_000, owner: 3_000, client: 0 }

export interface RateLimitsOptions {
  readonly emit: EmitEvent
  /** Counts failures for all instances. Without it, each instance counts its own in its memory. */
  readonly failureCounts?: FailureCounts | undefined
}

/** All methods throw RateLimitedError. */
export interface RateLimits {
  /** Before credentials are checked. A client's id is refused only to the address that has failed with it too often. */
  assertMayTry(credentials: Credentials, context: RequestContext): Promise<void>
  /** After an authentication has failed. `credentials` is left out if they could not be read. */
  countFailure(credentials: Credentials | undefined, context: RequestContext): Promise<void>
  /** Before work is begun for a caller. */
  charge(caller: Caller, context: RequestContext, cost?: number): Promise<void>
}

/** How often an address may fail with the id of one client in a minute: a few tries of a person, a restart loop. */
const failuresByClient = 10
const windowSeconds = 60
const costOfPoint = 10

/**
 * Counts in the memory of this process: each instance has limits of its own, and no request waits for a database. With
 * `failureCounts`, failures are counted for all instances: only a request that fails asks there, and one of an address and
 * id that have failed on this instance within a minute. If it cannot be asked, this process counts.
 *
 * - What an address did counts only where nothing better is known: behind a gateway all users share its address.
 * - Failures are counted by address and claimed id together, never by the id alone: otherwise any stranger could lock
 *   the honest client out.
 * - A token that has expired is no failure: behind a gateway, those of all users would be counted together.
 * - Nobody with right credentials is refused because others failed at the same address.
 * - A request whose address is not known is not limited by address.
 */
export function createRateLimits(settings: RateLimitSettings, { emit, failureCounts }: RateLimitsOptions): RateLimits {
  const limiters = {
    client_failures: createFailureLimiter('client', settings.failures === 0 ? 0 : failuresByClient, failureCounts),
    failures: createFailureLimiter('address', settings.failures, failureCounts),
    anonymous: createLimiter(settings.anonymous),
    owner: createLimiter(settings.owner),
    client: createLimiter(settings.client),
  } satisfies Readonly<Record<LimitName, Limiter>>
  let failedAt = Number.NEGATIVE_INFINITY
  return {
    assertMayTry: (credentials, context) => (hasFailedLately() ? refuseExhausted(credentials, context) : free),
    countFailure: async (credentials, context) => {
      const { address } = context
      // Every token of ours ends up here once, when it has expired. It can't be guessed, so it is ordinary work.
      if (isOrdinary(credentials))
        return address === undefined ? free : spend('anonymous', network(address), { points: 1, context })
      failedAt = performance.now()
      const client = credentials?.kind === 'client' ? idForEvent(credentials.id) : undefined
      emit({ name: 'authentication_failed', facts: { ...factsOf(context), ...(client !== undefined && { client }) } })
      const key = credentials && failureKey(credentials, context)
      if (key !== undefined) await spend('client_failures', key, { points: 1, context })
      if (address !== undefined) await spend('failures', network(address), { points: 1, context })
    },
    charge: (caller, context, cost = costOfPoint) => {
      const points = Math.max(1, Math.ceil(cost / costOfPoint))
      switch (caller.kind) {
        case 'anonymous':
          return context.address === undefined
            ? free
            : spend('anonymous', network(context.address), { points, context })
        case 'owner':
        case 'client':
          return settings[caller.kind] === 0 ? free : spend(caller.kind, callerLabel(caller), { points, context })
        case 'operator':
          return free
        default:
          return caller satisfies never
      }
    },
  }

  /** Without a failure in the last minute nobody has to be asked about: the ordinary case, and it costs nothing. */
  function hasFailedLately(): boolean {
    return performance.now() - failedAt < windowSeconds * 1000
  }

  async function refuseExhausted(credentials: Credentials, context: RequestContext): Promise<void> {
    const key = failureKey(credentials, context)
    const waitMs = key === undefined ? 0 : await limiters.client_failures.waitMs(key)
    if (waitMs > 0) refuse('client_failures', waitMs, context)
  }

  async function spend(limit: LimitName, key: string, { points, context }: Spending): Promise<void> {
    const waitMs = await limiters[limit].spend(key, points)
    if (waitMs > 0) refuse(limit, waitMs, context)
  }

  function refuse(limit: LimitName, waitMs: number, context: RequestContext): never {
    emit({ name: 'rate_limited', facts: { limit, ...factsOf(context) } })
    throw new RateLimitedError(Math.max(1, Math.ceil(waitMs / 1000)))
  }
}

interface Spending {
  readonly points: number
  readonly context: RequestContext
}

const free = Promise.resolve()

function factsOf({ address, findings: { caller } }: RequestContext) {
  return { ...(address !== undefined && { address }), ...(caller !== undefined && { caller }) }
}

/** A token of our form: most have been valid. */
function isOrdinary(credentials: Credentials | undefined): boolean {
  return credentials?.kind === 'bearer' && readToken(credentials.token)?.half === 'access'
}

/** A caller that mixes up its id and its secret sends the secret as the id, which must not be in a log. */
function idForEvent(claimed: string): string {
  return isShowable(claimed) ? claimed : '…'
}

function failureKey(credentials: Credentials, { address }: RequestContext): string | undefined {
  return credentials.kind === 'client' && address !== undefined ? `${network(address)} ${credentials.id}` : undefined
}

/** The part of an address that one customer of a provider has: of IPv6 the first 64 bits (RFC 6177). */
function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address
  const [before = '', after] = address.split('::')
  const groups = before.split(':').filter(Boolean)
  const last = after?.split(':').filter(Boolean) ?? []
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - last.length) }, () => '0')
  return [...groups, ...zeros, ...last].slice(0, 4).join(':')
}

interface Limiter {
  /** Spends points, and answers for how long to wait if there are not enough; 0 if there were. */
  spend(key: string, points: number): Promise<number>
  /** For how long to wait before points can be spent; 0 if they can be now. */
  waitMs(key: string): Promise<number>
  /** Whether any were spent within the window. */
  isUsed(key: string): Promise<boolean>
}

const unlimited: Limiter = { spend: async () => 0, waitMs: async () => 0, isUsed: async () => false }

function createLimiter(points: number): Limiter {
  if (points === 0) return unlimited
  const limiter = new RateLimiterMemory({ points, duration: windowSeconds })
  const bucketOf = createBuckets()
  return {
    spend: async (key, spent) => {
      try {
        await limiter.consume(bucketOf(key), spent)
        return 0
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext)
        throw refusal
      }
    },
    waitMs: async (key) => {
      const state = await limiter.get(bucketOf(key))
      return state === null || state.consumedPoints < points ? 0 : Math.max(1, state.msBeforeNext)
    },
    isUsed: async (key) => (await limiter.get(bucketOf(key))) !== null,
  }
}

/**
 * Counts for all instances. A failure is one point. It is counted here too: only a key that has failed on this instance
 * asks the others' count, so a stranger's failures cost no other client a statement.
 */
function createFailureLimiter(kind: string, points: number, counts: FailureCounts | undefined): Limiter {
  const local = createLimiter(points)
  if (counts === undefined || points === 0) return local
  const digestOf = (key: string) => hash('sha256', `${kind} ${key}`, 'buffer').subarray(0, 16)
  return {
    spend: async (key, spent) => {
      const localWaitMs = await local.spend(key, spent)
      const count = await counts.add(digestOf(key), windowSeconds).catch(() => undefined)
      if (count === undefined) return localWaitMs
      return count.failures > points ? Math.max(1, count.endsInMs) : 0
    },
    isUsed: local.isUsed,
    waitMs: async (key) => {
      if (!(await local.isUsed(key))) return 0
      const count = await counts.read(digestOf(key)).catch(() => undefined)
      if (count === undefined) return local.waitMs(key)
      return count.failures < points ? 0 : Math.max(1, count.endsInMs)
    },
  }
}

/**
 * Strangers choose addresses and ids, so keys are put into 65,536 buckets, which bounds the memory to some 20 MB. That
 * two keys share a bucket is as rare as that, and nobody can choose with whom, because the salt is not known.
 */
function createBuckets(): (key: string) => string {
  const salt = randomBytes(16).toString('hex')
  return (key) => hash('sha1', salt + key).slice(0, 4)
}
