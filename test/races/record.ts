import type { Owner, OwnerScope } from '../../src/tokens/owner.ts'
import type { RaceTarget } from './contestant.ts'
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
  readonly refreshes: readonly Refreshed[]
  readonly looks: readonly Looked[]
  readonly sweeps: readonly Invalidated[]
  readonly invalidations: readonly Invalidated[]
  /** Every time that somebody saw a half alive or dead: by a look, or by a refresh that was granted or refused. */
  readonly sightings: readonly Sighting[]
}

export interface Sighting {
  readonly half: Half
  readonly isAlive: boolean
  readonly by: Looked | Refreshed
}

export function readRecord(entries: readonly Entry[]): RoundRecord {
  const ofKind = <Kind extends Entry['kind']>(kind: Kind) =>
    entries.filter((entry): entry is Extract<Entry, { readonly kind: Kind }> => entry.kind === kind)
  const halves = traceHalves(entries)
  const [looks, refreshes, invalidations] = [ofKind('look'), ofKind('refresh'), ofKind('invalidate')]
  const sightings = [...looks, ...refreshes].flatMap((by): Sighting[] => {
    const half = halves.get(by.token)
    return half === undefined ? [] : [{ half, by, isAlive: by.kind === 'look' ? by.isActive : by.pair !== undefined }]
  })
  const sweeps = invalidations.filter(({ target }) => target.kind === 'owner')
  return { halves, refreshes, looks, sweeps, invalidations, sightings }
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

export function coversOwner(scope: OwnerScope, owner: Owner): boolean {
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

export function covers({ target }: Invalidated, { login }: Half): boolean {
  return target.kind === 'owner' && coversOwner(target.scope, login.owner)
}

export function names({ target }: Invalidated, { token }: Half): boolean {
  return target.kind !== 'owner' && target.token === token
}

/** For evidence. */
export function describeTarget(target: RaceTarget, halves: ReadonlyMap<string, Half>): string {
  return target.kind === 'owner' ? JSON.stringify(target.scope) : (halves.get(target.token)?.name ?? target.token)
}
