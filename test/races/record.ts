import type { Owner, OwnerScope } from '../../src/tokens/owner.ts'
import type { InvalidationCounts } from '../../src/tokens/store.ts'
import type { RaceTarget, Sweep, WholeSession } from './contestant.ts'
import type { Entry, Invalidated, Issued, Looked, Refreshed } from './journal.ts'

/** One half that was handed out. */
export interface Half {
  readonly token: string
  /** For evidence, as the tokens themselves are long: "pair 3 (access)". */
  readonly name: string
  readonly isRefresh: boolean
  /** The login that it descends from. */
  readonly login: Issued
}

/** A journal, sorted by kind, with every half traced back to its login. */
export interface RoundRecord {
  readonly halves: ReadonlyMap<string, Half>
  readonly logins: readonly Issued[]
  readonly refreshes: readonly Refreshed[]
  /** Of a session or of owners; not those that were refused. */
  readonly sweeps: readonly Swept[]
  readonly invalidations: readonly Invalidated[]
  /**
   * Every time that somebody saw a half alive or dead: by a look, by a refresh that was granted or refused, or by being
   * let in, or not, with an access token to sweep all but its own session.
   */
  readonly sightings: readonly Sighting[]
}

interface Sighting {
  readonly half: Half
  readonly isAlive: boolean
  readonly by: Looked | Refreshed | Invalidated
}

/** What ends whole sessions. */
export type Swept = Invalidated & { readonly target: WholeSession | Sweep; readonly counts: InvalidationCounts }

export function readRecord(entries: readonly Entry[]): RoundRecord {
  const ofKind = <Kind extends Entry['kind']>(kind: Kind) =>
    entries.filter((entry): entry is Extract<Entry, { readonly kind: Kind }> => entry.kind === kind)
  const halves = traceHalves(entries)
  const [looks, refreshes, invalidations] = [ofKind('look'), ofKind('refresh'), ofKind('invalidate')]
  const sightings = [...looks, ...refreshes, ...invalidations].flatMap((by): Sighting[] => {
    const seen = seenBy(by)
    const half = seen && halves.get(seen.token)
    return half === undefined ? [] : [{ half, by, isAlive: seen?.isAlive === true }]
  })
  return { halves, logins: ofKind('issue'), refreshes, sweeps: invalidations.filter(isSwept), invalidations, sightings }
}

function seenBy(by: Sighting['by']): { readonly token: string; readonly isAlive: boolean } | undefined {
  if (by.kind === 'look') return { token: by.token, isAlive: by.isActive }
  if (by.kind === 'refresh') return { token: by.token, isAlive: by.pair !== undefined }
  const token = by.target.kind === 'owner' ? by.target.keeping : undefined
  return token === undefined ? undefined : { token, isAlive: by.counts !== undefined }
}

function isSwept(entry: Invalidated): entry is Swept {
  return entry.counts !== undefined && (entry.target.kind === 'owner' || entry.target.kind === 'session')
}

/** Entries stand in the order of their answers, so a pair is there before anybody refreshes it. */
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

function coversOwner(scope: OwnerScope, owner: Owner): boolean {
  switch (scope.kind) {
    case 'realm':
      return scope.realm === owner.realm
    case 'username':
      return scope.username === owner.username
    case 'realm-user':
      return scope.realm === owner.realm && scope.username === owner.username
    default:
      return scope satisfies never
  }
}

/** Whether a sweep, sent when this login had been answered, ended it for certain. */
export function mustEnd(record: RoundRecord, sweep: Swept, { login }: Half): boolean {
  const { target } = sweep
  const isMadeBefore =
    target.kind !== 'owner' || target.issuedBefore === undefined || login.answeredAt < target.issuedBefore.getTime()
  return covers(record, target, login) && login.answered < sweep.sent && isMadeBefore
}

/**
 * Whether a sweep can have ended this login: unless the sweep spared it or was answered before the login was asked for.
 *
 * An instant turns into a place in the order of logins, and those that are made at the same time get their places in
 * any order. So a login that was sent after the instant can go only with one that was sent before the instant and not
 * yet answered: whoever is in between may stand behind it.
 */
export function mayEnd(record: RoundRecord, sweep: Swept, { login }: Half): boolean {
  const { target } = sweep
  if (!covers(record, target, login) || sweep.answered < login.sent) return false
  if (target.kind !== 'owner' || target.issuedBefore === undefined) return true
  const instant = target.issuedBefore.getTime()
  return record.logins.some(
    (other) => coversOwner(target.scope, other.owner) && other.sentAt < instant && other.answered > login.sent,
  )
}

function covers({ halves }: RoundRecord, target: WholeSession | Sweep, login: Issued): boolean {
  if (target.kind === 'session') return halves.get(target.pair.access)?.login === login
  const spared = target.keeping === undefined ? undefined : halves.get(target.keeping)?.login
  return coversOwner(target.scope, login.owner) && spared !== login
}

export function names({ target }: Invalidated, { token }: Half): boolean {
  return (target.kind === 'access-token' || target.kind === 'refresh-token') && target.token === token
}

/** For evidence. */
export function describeTarget(target: RaceTarget, { halves }: RoundRecord): string {
  const nameOf = (token: string) => halves.get(token)?.name ?? token
  switch (target.kind) {
    case 'session':
      return `the session of ${nameOf(target.pair.access)}, by ${target.by},`
    case 'owner': {
      const { scope, keeping, issuedBefore } = target
      const spared = keeping === undefined ? '' : ` but the session of ${nameOf(keeping)}`
      return `${JSON.stringify(scope)}${issuedBefore ? ` before ${issuedBefore.toISOString()}` : ''}${spared}`
    }
    default:
      return nameOf(target.token)
  }
}
