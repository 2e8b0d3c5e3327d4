import type { Random } from '../races/random.ts'
import type { IssuedPair, RaceTarget, Subject } from '../races/subject.ts'
import type { LoginRecord, Tally } from './ledger.ts'

const workers = 16

export interface Load {
  /** Resolves once so many operations of this load are acknowledged. */
  acknowledged(count: number): Promise<void>
  /** Lets each worker finish its login, and answers all records. */
  stop(): Promise<readonly LoginRecord[]>
}

/**
 * Sixteen workers, each of which logs an owner in, refreshes, and ends what it got in one of several ways, again and
 * again. A worker stops at the first request that is refused: then there is no service.
 */
export function startLoad(subject: Subject, random: Random, tally: Tally): Load {
  const records: LoginRecord[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  let acknowledged = 0
  let isStopping = false
  const working = Promise.all(Array.from({ length: workers }, work))

  return {
    acknowledged: (count) => new Promise((resolve) => void waiting.push({ count, resolve })),
    stop: async () => {
      isStopping = true
      await working
      return records
    },
  }

  async function work(): Promise<void> {
    while (!isStopping) if (!(await live())) return
  }

  /** One login. False if the service is gone. */
  async function live(): Promise<boolean> {
    const record: LoginRecord = { username: `owner-${tally.runs}-${records.length}-${random.below(1e9)}`, pairs: [] }
    records.push(record)
    const { username } = record
    const issued = await attempt(() => subject.issue({ realm: 'campaign', username, client: 'races-web' }))
    if (issued.outcome !== 'acknowledged') return issued.outcome === 'unknown'
    record.pairs.push(issued.answer)
    const refreshed = await attempt(() => subject.refresh(issued.answer.refresh))
    if (refreshed.outcome !== 'acknowledged') {
      record.unknownRefresh = issued.answer.refresh
      return refreshed.outcome === 'unknown'
    }
    if (refreshed.answer === undefined) throw new Error('A first refresh was refused')
    record.pairs.push(refreshed.answer)
    const target = chooseTarget(random, username, refreshed.answer)
    if (target === undefined) return true
    const ended = await attempt(() => subject.invalidate(target))
    if (ended.outcome !== 'refused') record.ended = { target, isAcknowledged: ended.outcome === 'acknowledged' }
    return ended.outcome !== 'refused'
  }

  async function attempt<Answer>(run: () => Promise<Answer>): Promise<Attempt<Answer>> {
    try {
      const answer = await run()
      tally.acknowledged++
      acknowledged++
      for (const { count, resolve } of waiting) if (acknowledged >= count) resolve()
      return { outcome: 'acknowledged', answer }
    } catch (error) {
      const outcome = wasNeverSent(error) ? 'refused' : 'unknown'
      tally[outcome]++
      return { outcome }
    }
  }
}

type Attempt<Answer> =
  | { readonly outcome: 'acknowledged'; readonly answer: Answer }
  | { readonly outcome: 'refused' | 'unknown' }

function chooseTarget(random: Random, username: string, pair: IssuedPair): RaceTarget | undefined {
  return random.pick<RaceTarget | undefined>([
    { kind: 'access-token', token: pair.access },
    { kind: 'refresh-token', token: pair.refresh },
    { kind: 'session', pair, by: 'id' },
    { kind: 'session', pair, by: 'access' },
    { kind: 'sweep', scope: { kind: 'realm-user', realm: 'campaign', username } },
    undefined,
  ])
}

/** No connection was made, so the service has not seen the request. */
function wasNeverSent(error: unknown): boolean {
  return (
    error instanceof Error &&
    error.cause instanceof Error &&
    'code' in error.cause &&
    error.cause.code === 'ECONNREFUSED'
  )
}
