import type { InvalidationCounts, SweepScope } from '../../src/tokens/coverage.ts'
import type { Entry, Introspected, Invalidated, Issued, Refreshed } from './journal.ts'
import type { Login, RaceTarget, SessionSweep, Sweep } from './subject.ts'

/** One half that was issued. */
export interface Half {
  readonly token: string
  /** For evidence, since the tokens themselves are long: "pair 3 (access)". */
  readonly name: string
  readonly isRefresh: boolean
  /** The login that its session began with. */
  readonly login: Issued
}

/** The entries of a journal by kind, with every half traced back to its login. */
export interface RoundRecord {
  readonly halves: ReadonlyMap<string, Half>
  readonly logins: readonly Issued[]
  readonly refreshes: readonly Refreshed[]
  /** Sweeps of all kinds, without the refused ones. */
  readonly sweeps: readonly Swept[]
  readonly invalidations: readonly Invalidated[]
  /**
   * Every answer that shows whether a half was valid: of an introspection, of a refresh (granted or refused), and of a
   * sweep that spares its caller (the access token of the caller was accepted or refused).
   */
  readonly observations: readonly Observation[]
}

interface Observation {
  readonly half: Half
  readonly isValid: boolean
  readonly by: Introspected | Refreshed | Invalidated
}

/** A sweep that was carried out: it ended whole sessions. */
export type Swept = Invalidated & { readonly target: SessionSweep | Sweep; readonly counts: InvalidationCounts }

export function readRecord(entries: readonly Entry[]): RoundRecord {
  const ofKind = <Kind extends Entry['kind']>(kind: Kind) =>
    entries.filter((entry): entry is Extract<Entry, { readonly kind: Kind }> => entry.kind === kind)
  const halves = traceHalves(entries)
  const [introspections, refreshes, invalidations] = [ofKind('introspect'), ofKind('refresh'), ofKind('invalidate')]
  const observations = [...introspections, ...refreshes, ...invalidations].flatMap((by): Observation[] => {
    const shown = shownBy(by)
    const half = shown && halves.get(shown.token)
    return half === undefined ? [] : [{ half, by, isValid: shown?.isValid === true }]
  })
  return {
    halves,
    logins: ofKind('issue'),
    refreshes,
    sweeps: invalidations.filter(isSwept),
    invalidations,
    observations,
  }
}

function shownBy(by: Observation['by']): { readonly token: string; readonly isValid: boolean } | undefined {
  if (by.kind === 'introspect') return { token: by.token, isValid: by.isActive }
  if (by.kind === 'refresh') return { token: by.token, isValid: by.pair !== undefined }
  const token = by.target.kind === 'sweep' ? by.target.keeping : undefined
  return token === undefined ? undefined : { token, isValid: by.counts !== undefined }
}

function isSwept(entry: Invalidated): entry is Swept {
  return entry.counts !== undefined && (entry.target.kind === 'sweep' || entry.target.kind === 'session')
}

/** Entries are in the order of their answers, so the entry that issued a pair comes before any refresh of it. */
function traceHalves(entries: readonly Entry[]): ReadonlyMap<string, Half> {
  const halves = new Map<string, Half>()
  for (const entry of entries) {
    const login = loginOf(entry)
    if (login === undefined || (entry.kind !== 'issue' && entry.kind !== 'refresh') || entry.pair === undefined)
      continue
    const { access, refresh } = entry.pair
    if (halves.has(access) && halves.has(refresh)) continue
    const number = halves.size / 2
    halves.set(access, { token: access, name: `pair ${number} (access)`, isRefresh: false, login })
    halves.set(refresh, { token: refresh, name: `pair ${number} (refresh)`, isRefresh: true, login })
  }
  return halves

  function loginOf(entry: Entry): Issued | undefined {
    if (entry.kind === 'issue') return entry
    return entry.kind === 'refresh' ? halves.get(entry.token)?.login : undefined
  }
}

function coversLogin(scope: SweepScope, login: Login): boolean {
  switch (scope.kind) {
    case 'realm':
      return scope.realm === login.realm
    case 'username':
      return scope.username === login.username
    case 'realm-user':
      return scope.realm === login.realm && scope.username === login.username
    case 'client':
      return scope.clientId === login.client
    case 'everything':
      return true
    default:
      return scope satisfies never
  }
}

/** Whether this sweep must have ended this login: it covers the login, and was sent after the login was answered. */
export function mustEnd(record: RoundRecord, sweep: Swept, { login }: Half): boolean {
  const { target } = sweep
  const isBeforeInstant =
    target.kind !== 'sweep' || target.issuedBefore === undefined || login.answeredAt < target.issuedBefore.getTime()
  return covers(record, target, login) && login.answered < sweep.sent && isBeforeInstant
}

/**
 * Whether this sweep can have ended this login: it covers the login, and was not answered before the login was sent.
 *
 * A sweep turns its instant into a bound in the order of logins, where logins that run at the same time come in any
 * order. So a login that was sent after the instant can be covered only if another login was sent before the instant
 * and was not yet answered when this one was sent: this one may then come first in the order.
 */
export function mayEnd(record: RoundRecord, sweep: Swept, { login }: Half): boolean {
  const { target } = sweep
  if (!covers(record, target, login) || sweep.answered < login.sent) return false
  if (target.kind !== 'sweep' || target.issuedBefore === undefined) return true
  const instant = target.issuedBefore.getTime()
  return record.logins.some(
    (other) => coversLogin(target.scope, other.login) && other.sentAt < instant && other.answered > login.sent,
  )
}

function covers({ halves }: RoundRecord, target: SessionSweep | Sweep, login: Issued): boolean {
  if (target.kind === 'session') return halves.get(target.pair.access)?.login === login
  const spared = target.keeping === undefined ? undefined : halves.get(target.keeping)?.login
  return coversLogin(target.scope, login.login) && spared !== login
}

export function names({ target }: Invalidated, { token }: Half): boolean {
  return (target.kind === 'access-token' || target.kind === 'refresh-token') && target.token === token
}

/** A target in words, for evidence. */
export function describeTarget(target: RaceTarget, { halves }: RoundRecord): string {
  const nameOf = (token: string) => halves.get(token)?.name ?? token
  switch (target.kind) {
    case 'session':
      return `the session of ${nameOf(target.pair.access)}, by ${target.by},`
    case 'sweep': {
      const { scope, keeping, issuedBefore } = target
      const spared = keeping === undefined ? '' : ` but the session of ${nameOf(keeping)}`
      return `${JSON.stringify(scope)}${issuedBefore ? ` before ${issuedBefore.toISOString()}` : ''}${spared}`
    }
    default:
      return nameOf(target.token)
  }
}
