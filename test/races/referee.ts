import type { Entry } from './journal.ts'
import { describeTarget, type Half, mayEnd, mustEnd, names, type RoundRecord, readRecord } from './record.ts'

export type Rule =
  /** Every operation is answered. */
  | 'answers'
  /** Over all answers each half is newly invalidated exactly once, and no sweep counts more than it can have ended. */
  | 'counts-once'
  /** Nothing of a login that was made before an acknowledged sweep (and before its instant) lives after it. */
  | 'no-escape'
  /**
   * Nothing dies without a cause. No cause is a sweep that was acknowledged before the login, one that spared it, and
   * one of logins before an instant that was over then.
   */
  | 'no-overkill'
  /** What was ended, or seen to be, stays dead, and a sweep or a session's end ends a session as a whole. */
  | 'no-resurrection'
  /** One refresh token buys one pair. */
  | 'spent-once'

export interface Violation {
  readonly rule: Rule
  readonly evidence: string
}

/** Ticks between which nothing went on but looks: what they saw must fit together. */
export interface Calm {
  readonly from: number
  readonly to: number
}

/**
 * Judges a round by its journal alone, whoever played it. What ran at the same time may have happened in either order,
 * so only what was answered before another was sent is held against anybody.
 *
 * The journal must end with a sweep of everything, sent when all else had been answered.
 */
export function judge(entries: readonly Entry[], calm: Calm): readonly Violation[] {
  const record = readRecord(entries)
  const found: readonly (readonly [Rule, readonly string[]])[] = [
    ['answers', findFailures(entries)],
    ['counts-once', [...findMiscounts(record), ...findDoubleEnds(record), ...findOvercounts(record)]],
    ['no-escape', findEscapes(record)],
    ['no-overkill', findOverkill(record)],
    ['no-resurrection', [...findResurrections(record), ...findReturns(record), ...findTornSessions(record, calm)]],
    ['spent-once', findDoubleSpends(record)],
  ]
  return found.flatMap(([rule, evidences]) => evidences.map((evidence) => ({ rule, evidence })))
}

function findFailures(entries: readonly Entry[]): readonly string[] {
  return entries.flatMap((entry) => (entry.kind === 'failure' ? [`${entry.verb}: ${entry.message}`] : []))
}

function findMiscounts({ halves, invalidations }: RoundRecord): readonly string[] {
  const counted = invalidations.reduce((sum, { counts }) => sum + (counts?.invalidated ?? 0), 0)
  return counted === halves.size ? [] : [`${halves.size} halves were handed out, ${counted} were counted as new`]
}

function findDoubleEnds(record: RoundRecord): readonly string[] {
  const ended = new Set<string>()
  return record.invalidations.flatMap(({ target, counts }) => {
    if (target.kind === 'owner' || target.kind === 'session') return []
    const answer = `${counts?.invalidated}/${counts?.previouslyInvalidated}`
    const isAgain = answer === '1/0' && ended.has(target.token)
    if (answer === '1/0') ended.add(target.token)
    return isAgain || !['1/0', '0/1'].includes(answer)
      ? [`${describeTarget(target, record)} was answered ${answer}${isAgain ? ' twice' : ''}`]
      : []
  })
}

/** A sweep counts halves that it may reach and that no acknowledged sweep before it had ended. */
function findOvercounts(record: RoundRecord): readonly string[] {
  return record.sweeps.flatMap((sweep) => {
    const { invalidated, previouslyInvalidated } = sweep.counts
    const open = [...record.halves.values()].filter(
      (half) =>
        mayEnd(record, sweep, half) &&
        !record.sweeps.some((earlier) => mustEnd(record, earlier, half) && earlier.answered < sweep.sent),
    )
    const counted = `${invalidated}/${previouslyInvalidated}`
    return invalidated + previouslyInvalidated > open.length
      ? [`${describeTarget(sweep.target, record)} was answered ${counted}, with ${open.length} halves to end`]
      : []
  })
}

function findEscapes(record: RoundRecord): readonly string[] {
  return record.sightings.flatMap(({ half, isAlive, by }) => {
    const sweep = record.sweeps.find((each) => mustEnd(record, each, half) && each.answered < by.sent)
    return isAlive && sweep !== undefined
      ? [`${half.name} was seen alive by a ${by.kind} after ${describeTarget(sweep.target, record)} was swept`]
      : []
  })
}

function findOverkill(record: RoundRecord): readonly string[] {
  return record.sightings.flatMap(({ half, isAlive, by }) => {
    const isCaused =
      record.sweeps.some((sweep) => mayEnd(record, sweep, half) && sweep.sent < by.answered) ||
      record.invalidations.some((each) => names(each, half) && each.sent < by.answered) ||
      (by.kind === 'look' && record.refreshes.some(({ token, sent }) => token === half.token && sent < by.answered))
    return isAlive || isCaused ? [] : [`${half.name} was seen dead by a ${by.kind}, and nobody had ended it`]
  })
}

/** Alive, although that very half had been invalidated or, to a look, spent. */
function findResurrections({ sightings, invalidations, refreshes }: RoundRecord): readonly string[] {
  return sightings.flatMap(({ half, isAlive, by }) => {
    const isEnded = invalidations.some((each) => names(each, half) && each.answered < by.sent)
    const isSpent =
      by.kind === 'look' &&
      refreshes.some(({ token, pair, answered }) => token === half.token && pair !== undefined && answered < by.sent)
    return isAlive && (isEnded || isSpent)
      ? [`${half.name} was seen alive by a ${by.kind} after it was ${isEnded ? 'invalidated' : 'spent'}`]
      : []
  })
}

/** Halves that nobody spent or named, so that only a sweep of their session can have ended them. */
function isLeftAlone({ invalidations, refreshes }: RoundRecord, half: Half): boolean {
  return !invalidations.some((each) => names(each, half)) && !refreshes.some(({ token }) => token === half.token)
}

/** Dead, and later alive: a session that somebody saw ended. */
function findReturns(record: RoundRecord): readonly string[] {
  const dead = record.sightings.filter(({ isAlive, half }) => !isAlive && isLeftAlone(record, half))
  return record.sightings.flatMap(({ half, isAlive, by }) =>
    isAlive && dead.some((seen) => seen.half.login === half.login && seen.by.answered < by.sent)
      ? [`${half.name} was seen alive by a ${by.kind} after its session was seen dead`]
      : [],
  )
}

function findTornSessions(record: RoundRecord, { from, to }: Calm): readonly string[] {
  const calm = record.sightings.filter(
    ({ by, half }) => by.sent > from && by.answered <= to && isLeftAlone(record, half),
  )
  return calm.flatMap(({ half, isAlive }) =>
    isAlive && calm.some((other) => other.half.login === half.login && !other.isAlive)
      ? [`${half.name} lives while a part of its session is dead`]
      : [],
  )
}

function findDoubleSpends({ refreshes, halves }: RoundRecord): readonly string[] {
  const bought = new Map<string, string>()
  const sold = new Map<string, string>()
  return refreshes.flatMap(({ token, pair }) => {
    if (pair === undefined) return []
    const [successor, ancestor] = [bought.get(token) ?? pair.access, sold.get(pair.access) ?? token]
    bought.set(token, successor)
    sold.set(pair.access, ancestor)
    return successor === pair.access && ancestor === token
      ? []
      : [`${halves.get(token)?.name} bought ${halves.get(pair.access)?.name} and ${halves.get(successor)?.name}`]
  })
}
