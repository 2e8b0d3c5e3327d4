import type { Entry } from './journal.ts'
import { describeTarget, type Half, mayEnd, mustEnd, names, type RoundRecord, readRecord } from './record.ts'

export type Rule =
  /** Every operation is answered. */
  | 'answers'
  /** Over all answers, each half is newly invalidated exactly once, and no sweep counts more than it can have ended. */
  | 'counts-once'
  /** After a sweep is acknowledged, no half is valid of a login that it covers and that was made before it. */
  | 'no-escape'
  /**
   * No half ends without a cause. A sweep is no cause if it was acknowledged before the login, if it spared the login,
   * or if its instant was before the login.
   */
  | 'no-unexplained-end'
  /** A half that was ended, or that an answer showed as ended, stays ended. A sweep ends a session as a whole. */
  | 'stays-ended'
  /** One refresh token is exchanged for one pair. */
  | 'spent-once'

export interface Violation {
  readonly rule: Rule
  readonly evidence: string
}

/** The ticks between which only introspections ran: their answers must agree with each other. */
export interface QuietPhase {
  readonly from: number
  readonly to: number
}

/**
 * The referee: judges a round by its journal alone, whatever the subject is. Operations that ran at the same time may
 * have taken effect in either order, so a violation needs an operation that was answered before another was sent.
 *
 * The journal must end with sweeps of all its owners, sent after everything else was answered.
 */
export function judge(entries: readonly Entry[], quiet: QuietPhase): readonly Violation[] {
  const record = readRecord(entries)
  const found: readonly (readonly [Rule, readonly string[]])[] = [
    ['answers', findFailures(entries)],
    ['counts-once', [...findMiscounts(record), ...findDoubleEnds(record), ...findOvercounts(record)]],
    ['no-escape', findEscapes(record)],
    ['no-unexplained-end', findUnexplainedEnds(record)],
    [
      'stays-ended',
      [...findEndedButValid(record), ...findSessionsValidAgain(record), ...findPartlyEndedSessions(record, quiet)],
    ],
    ['spent-once', findDoubleSpends(record)],
  ]
  return found.flatMap(([rule, evidences]) => evidences.map((evidence) => ({ rule, evidence })))
}

function findFailures(entries: readonly Entry[]): readonly string[] {
  return entries.flatMap((entry) => (entry.kind === 'failure' ? [`${entry.verb}: ${entry.message}`] : []))
}

function findMiscounts({ halves, invalidations }: RoundRecord): readonly string[] {
  const counted = invalidations.reduce((sum, { counts }) => sum + (counts?.invalidated ?? 0), 0)
  return counted === halves.size ? [] : [`${halves.size} halves were issued, ${counted} were counted as new`]
}

function findDoubleEnds(record: RoundRecord): readonly string[] {
  const ended = new Set<string>()
  return record.invalidations.flatMap(({ target, counts }) => {
    if (target.kind === 'sweep' || target.kind === 'session') return []
    const answer = `${counts?.invalidated}/${counts?.previouslyInvalidated}`
    const isAgain = answer === '1/0' && ended.has(target.token)
    if (answer === '1/0') ended.add(target.token)
    return isAgain || !['1/0', '0/1'].includes(answer)
      ? [`${describeTarget(target, record)} was answered ${answer}${isAgain ? ' twice' : ''}`]
      : []
  })
}

/** A sweep may count only halves that it can have ended and that no sweep acknowledged before it must have ended. */
function findOvercounts(record: RoundRecord): readonly string[] {
  return record.sweeps.flatMap((sweep) => {
    const { invalidated, previouslyInvalidated } = sweep.counts
    const possible = [...record.halves.values()].filter(
      (half) =>
        mayEnd(record, sweep, half) &&
        !record.sweeps.some((earlier) => mustEnd(record, earlier, half) && earlier.answered < sweep.sent),
    )
    const counted = `${invalidated}/${previouslyInvalidated}`
    return invalidated + previouslyInvalidated > possible.length
      ? [`${describeTarget(sweep.target, record)} was answered ${counted}, with ${possible.length} halves to end`]
      : []
  })
}

function findEscapes(record: RoundRecord): readonly string[] {
  return record.observations.flatMap(({ half, isValid, by }) => {
    const sweep = record.sweeps.find((each) => mustEnd(record, each, half) && each.answered < by.sent)
    return isValid && sweep !== undefined
      ? [`${half.name} was valid for ${by.kind} after ${describeTarget(sweep.target, record)} was swept`]
      : []
  })
}

function findUnexplainedEnds(record: RoundRecord): readonly string[] {
  return record.observations.flatMap(({ half, isValid, by }) => {
    const isCaused =
      record.sweeps.some((sweep) => mayEnd(record, sweep, half) && sweep.sent < by.answered) ||
      record.invalidations.some((each) => names(each, half) && each.sent < by.answered) ||
      (by.kind === 'introspect' &&
        record.refreshes.some(({ token, sent }) => token === half.token && sent < by.answered))
    return isValid || isCaused ? [] : [`${half.name} was invalid for ${by.kind}, and no operation had ended it`]
  })
}

/** Halves that were valid after they had been invalidated themselves or, for an introspection, spent. */
function findEndedButValid({ observations, invalidations, refreshes }: RoundRecord): readonly string[] {
  return observations.flatMap(({ half, isValid, by }) => {
    const isEnded = invalidations.some((each) => names(each, half) && each.answered < by.sent)
    const isSpent =
      by.kind === 'introspect' &&
      refreshes.some(({ token, pair, answered }) => token === half.token && pair !== undefined && answered < by.sent)
    return isValid && (isEnded || isSpent)
      ? [`${half.name} was valid for ${by.kind} after it was ${isEnded ? 'invalidated' : 'spent'}`]
      : []
  })
}

/** Whether no operation spent or named this half, so that only a sweep of its session can have ended it. */
function isOnlySwept({ invalidations, refreshes }: RoundRecord, half: Half): boolean {
  return !invalidations.some((each) => names(each, half)) && !refreshes.some(({ token }) => token === half.token)
}

/** Halves that were valid after an answer had shown that their session had ended. */
function findSessionsValidAgain(record: RoundRecord): readonly string[] {
  const ended = record.observations.filter(({ isValid, half }) => !isValid && isOnlySwept(record, half))
  return record.observations.flatMap(({ half, isValid, by }) =>
    isValid && ended.some((other) => other.half.login === half.login && other.by.answered < by.sent)
      ? [`${half.name} was valid for ${by.kind} after its session had ended`]
      : [],
  )
}

function findPartlyEndedSessions(record: RoundRecord, { from, to }: QuietPhase): readonly string[] {
  const seen = record.observations.filter(
    ({ by, half }) => by.sent > from && by.answered <= to && isOnlySwept(record, half),
  )
  return seen.flatMap(({ half, isValid }) =>
    isValid && seen.some((other) => other.half.login === half.login && !other.isValid)
      ? [`${half.name} is valid while another half of its session has ended`]
      : [],
  )
}

function findDoubleSpends({ refreshes, halves }: RoundRecord): readonly string[] {
  const successors = new Map<string, string>()
  const ancestors = new Map<string, string>()
  const nameOf = (each: string) => halves.get(each)?.name
  return refreshes.flatMap(({ token, pair }) => {
    if (pair === undefined) return []
    const [successor, ancestor] = [successors.get(token) ?? pair.access, ancestors.get(pair.access) ?? token]
    successors.set(token, successor)
    ancestors.set(pair.access, ancestor)
    return successor === pair.access && ancestor === token
      ? []
      : [`${nameOf(token)} was exchanged for ${nameOf(pair.access)} and ${nameOf(successor)}`]
  })
}
