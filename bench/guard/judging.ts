import { hash } from 'node:crypto'
import { createGuard } from '../../src/guard/guard.ts'
import { RevocationSet } from '../../src/guard/revocation-set.ts'
import type { GuardSource } from '../../src/guard/source.ts'
import { horizonSeconds } from '../../src/tokens/block.ts'
import { mintSecrets, readToken } from '../../src/tokens/token.ts'
import type { Contender } from '../contender.ts'
import { lazy } from '../context.ts'

/** As many tokens as a gateway sees again and again, and more than the processor's caches hold. */
const tokenCount = 10_000
/** One in ten ids is revoked: between the densities at which a list and a bitmap hold them. */
const spacing = 10

const mintTokens = lazy(async () => {
  const expiresAt = new Date(Date.now() + 3_600_000)
  // None is a multiple of the spacing, so none is revoked.
  return Array.from({ length: tokenCount }, (_, place) =>
    mintSecrets().accessToken({ slot: 1, id: place * spacing + 1 }, expiresAt),
  )
})

/** One SHA-256 of a token. A guard that keeps no tokens in memory cannot be faster. */
export const hashToken: Contender = {
  name: 'SHA-256 of a token',
  prepare: mintTokens,
  run: async (seconds) => {
    const tokens = await mintTokens()
    return timeCalls(seconds, (place) => hash('sha256', tokens[place % tokenCount] ?? '', 'buffer').length === 32)
  },
}

/** A token that the guard has seen before, beside a million revocations. */
export function createKnownToken(): Contender {
  const opened = lazy(async () => {
    const tokens = await mintTokens()
    const guard = createGuard({ source: sourceOf() })
    await guard.ready()
    for (const token of tokens) await guard.check(token)
    return { guard, tokens }
  })
  return {
    name: 'guard: a known token',
    prepare: opened,
    run: async (seconds) => {
      const { guard, tokens } = await opened()
      const isValid = (place: number) => {
        const verdict = guard.check(tokens[place % tokenCount] ?? '')
        return 'outcome' in verdict && verdict.outcome === 'valid'
      }
      return timeCalls(seconds, isValid)
    },
  }
}

/** The question whether a token is revoked, of a set of this size. */
export function createQuestion(revocations: number): Contender {
  const opened = lazy(async () => fill(revocations))
  const tokens = Array.from({ length: tokenCount }, (_, place) => ({
    // Spread over all of the set, and none of them revoked.
    pairId: Math.floor((place * revocations) / tokenCount) * spacing + 1,
    sessionId: Math.floor((place * revocations) / tokenCount) * spacing + 2,
    realmName: 'bench',
    username: `user-${place}`,
    clientId: 'bench',
  }))
  return {
    name: `guard: the question, ${revocations.toLocaleString('en')} revocations`,
    prepare: opened,
    run: async (seconds) => {
      const set = await opened()
      return timeCalls(seconds, (place) => {
        const token = tokens[place % tokenCount]
        return token !== undefined && !set.covers(token)
      })
    },
  }
}

/** A set of revoked access tokens, an equal part of them from each minute of the last hour. */
function fill(revocations: number): RevocationSet {
  const set = new RevocationSet()
  const parts = 60
  for (let part = 0; part < parts; part++) {
    const from = Math.floor((part * revocations) / parts)
    const to = Math.floor(((part + 1) * revocations) / parts)
    const accessTokens = Array.from({ length: to - from }, (_, place) => (from + place) * spacing)
    set.add({ ageSeconds: (parts - part) * 60, accessTokens, sessions: [], owners: [] }, horizonSeconds)
  }
  return set
}

/** A service in this process that knows all tokens, and sends heartbeats. */
function sourceOf(): GuardSource {
  return {
    async *follow(_after, signal) {
      const event = () => ({ cursor: 'c', epoch: 'e', readAt: performance.now(), hasGap: false, isComplete: true })
      yield { ...event(), arrivedAt: performance.now() }
      while (!signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 500).unref())
        yield event()
      }
    },
    introspect: async (token) => ({
      realmName: 'bench',
      username: `user-${readToken(token)?.id}`,
      sessionId: String(readToken(token)?.id),
      clientId: 'bench',
      scopes: ['read'],
      issuedAt: new Date(),
      expiresAt: new Date(Date.now() + 3_600_000),
    }),
  }
}

/** Between two looks at the clock. */
const batch = 1_000

async function timeCalls(seconds: number, isRight: (place: number) => boolean) {
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  let calls = 0
  let busyMs = 0
  while (performance.now() < endsAt) {
    const from = performance.now()
    for (let call = 0; call < batch; call++, calls++)
      if (!isRight(calls)) throw new Error('A wrong answer to a call that is measured')
    busyMs += performance.now() - from
    // Timers run: a guard whose heartbeats do not arrive answers 503.
    if (calls % (100 * batch) === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const nanos = (busyMs * 1e6) / calls
  return { nanos, p50Ms: nanos / 1e6 }
}
