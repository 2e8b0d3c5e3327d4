import type { IssuedPair, RaceTarget, Subject } from '../races/subject.ts'

/**
 * What the load knows of one login. An operation is acknowledged, refused before anything was sent, or unknown: its
 * answer was lost, or said that its outcome is not known.
 */
export interface LoginRecord {
  readonly username: string
  /** The pairs that were acknowledged, oldest first. */
  readonly pairs: IssuedPair[]
  /** The refresh token of a refresh whose outcome is unknown. */
  unknownRefresh?: string
  /** The invalidation that was asked for, and whether it was acknowledged. */
  ended?: { readonly target: RaceTarget; readonly isAcknowledged: boolean }
}

/** What a campaign has found. */
export interface Tally {
  runs: number
  acknowledged: number
  unknown: number
  refused: number
  /** Acknowledged invalidations whose tokens are valid. */
  lost: number
  /** Tokens that were invalid once and are valid again. */
  resurrected: number
  /** Acknowledged logins and refreshes whose tokens are not valid, though nothing ended them. */
  vanished: number
  /** Refreshes with an unknown outcome whose repetition was refused: the login is over for its owner. */
  endedByRetry: number
  /** Of runs in which no operation may have an unknown outcome. */
  unexpectedUnknown: number
  /** Of each run: from the start of the recovery until the service answers again. */
  readonly recoveryMs: number[]
  readonly evidence: string[]
}

export function createTally(): Tally {
  return {
    runs: 0,
    acknowledged: 0,
    unknown: 0,
    refused: 0,
    lost: 0,
    resurrected: 0,
    vanished: 0,
    endedByRetry: 0,
    unexpectedUnknown: 0,
    recoveryMs: [],
    evidence: [],
  }
}

export type Violation = 'lost' | 'resurrected' | 'vanished' | 'endedByRetry' | 'unexpectedUnknown'
export const violations: readonly Violation[] = ['lost', 'resurrected', 'vanished', 'endedByRetry', 'unexpectedUnknown']

export function countViolations(tally: Tally): number {
  return violations.reduce((sum, name) => sum + tally[name], 0)
}

/** After recovery: checks every login of a run against the service. Answers the tokens that were found invalid. */
export async function checkRun(subject: Subject, records: readonly LoginRecord[], tally: Tally): Promise<string[]> {
  const invalid: string[] = []
  await inTurn(records, 16, async (record) => {
    if (record.unknownRefresh !== undefined) await repeatRefresh(subject, record, tally)
    const { ended } = record
    if (ended === undefined) return checkAlive(subject, record, tally)
    // An unknown invalidation was done wholly or not at all; its repetition is harmless and completes it.
    if (!ended.isAcknowledged) await subject.invalidate(ended.target)
    for (const token of endedTokens(record, ended.target)) {
      if (await subject.isActive(token)) report(tally, 'lost', `${record.username}: ${ended.target.kind}`)
      else invalid.push(token)
    }
  })
  return invalid
}

/** Checks that tokens that were invalid once still are. */
export async function checkResurrection(subject: Subject, invalid: readonly string[], tally: Tally): Promise<void> {
  await inTurn(invalid, 16, async (token) => {
    if (await subject.isActive(token)) report(tally, 'resurrected', 'a token is valid again')
  })
}

async function repeatRefresh(subject: Subject, record: LoginRecord, tally: Tally): Promise<void> {
  const pair = await subject.refresh(record.unknownRefresh ?? '')
  if (pair === undefined) report(tally, 'endedByRetry', record.username)
  else record.pairs.push(pair)
}

/** The newest pair of a login that nothing has ended. */
async function checkAlive(subject: Subject, { username, pairs }: LoginRecord, tally: Tally): Promise<void> {
  const newest = pairs.at(-1)
  if (newest === undefined) return
  for (const token of [newest.access, newest.refresh])
    if (!(await subject.isActive(token))) report(tally, 'vanished', username)
}

function endedTokens({ pairs }: LoginRecord, target: RaceTarget): readonly string[] {
  if (target.kind === 'access-token' || target.kind === 'refresh-token') return [target.token]
  return pairs.flatMap(({ access, refresh }) => [access, refresh])
}

export function report(tally: Tally, violation: Violation, evidence: string): void {
  tally[violation]++
  tally.evidence.push(`run ${tally.runs + 1}, ${violation}: ${evidence}`)
}

/** Runs `each` for every item, so many at a time. */
async function inTurn<Item>(
  items: readonly Item[],
  atOnce: number,
  each: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const work = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await each(item)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
