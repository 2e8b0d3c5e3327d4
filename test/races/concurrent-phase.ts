import { setTimeout as sleep } from 'node:timers/promises'
import type { Owner, OwnerScope } from '../../src/tokens/owner.ts'
import type { Random } from './random.ts'
import type { IssuedPair, OwnerSweep, RaceTarget, SessionSweep, Subject } from './subject.ts'

export type Subjects = readonly [Subject, ...Subject[]]

export interface Names {
  readonly realms: readonly [string, string]
  readonly usernames: readonly [string, string]
}

/** Every operation of a concurrent phase is delayed by less than this: the time of a few commits. */
const phaseMs = 14

/** The first logins are spread over this time, so that there are instants between them. */
const loginsMs = 6

/** An instant may lie this far in the future: logins on both sides of it are then made while the sweep runs. */
const aheadMs = 8

/** Runs all kinds of operations on all subjects at the same time. Answers every issued pair, by its access token. */
export async function runConcurrently(
  subjects: Subjects,
  random: Random,
  names: Names,
): Promise<ReadonlyMap<string, IssuedPair>> {
  const issuedPairs = new Map<string, IssuedPair>()
  const instants: [Date, ...Date[]] = [new Date()]
  const anySubject = () => random.pick(subjects)
  const choose = createChooser(random, names)

  const logins = await Promise.all(times(random.between(3, 6), () => within(loginsMs, () => login(choose.owner()))))
  await Promise.all([
    ...logins.flatMap((pair) => (pair === undefined ? [] : [exercise(pair)])),
    ...times(random.between(1, 3), () => later(async () => maybeExercise(await login(choose.owner())))),
    ...choose.scopes().map((scope) => later(() => sweep(scope))),
  ])
  return issuedPairs

  function collect(pair: IssuedPair | undefined): IssuedPair | undefined {
    if (pair !== undefined) issuedPairs.set(pair.access, pair)
    return pair
  }

  async function login(owner: Owner): Promise<IssuedPair | undefined> {
    const pair = collect(await anySubject().issue(owner))
    instants.push(new Date())
    return pair
  }

  function anyPair(): IssuedPair | undefined {
    return [...issuedPairs.values()][random.below(issuedPairs.size)]
  }

  /**
   * Sweeps, and tests the answer at once: sessions from before it have ended, and a session that it spared or that
   * begins now is valid.
   */
  async function sweep(scope: OwnerScope): Promise<void> {
    const caller = random.below(2) === 0 ? undefined : anyPair()
    await anySubject().invalidate(choose.sweep(scope, caller, instants))
    const { realm, username } = { ...choose.owner(), ...scope }
    await Promise.all([
      introspect(anyPair()),
      introspect(caller),
      caller && random.below(2) === 0 && exercise(caller),
      random.below(2) === 0 && login({ realm, username }).then(maybeExercise),
    ])
  }

  async function introspect(pair: IssuedPair | undefined): Promise<void> {
    if (pair !== undefined) await anySubject().isActive(random.pick([pair.access, pair.refresh]))
  }

  /** Runs a random choice of all operations on one pair, and may do the same with its successor. */
  async function exercise(pair: IssuedPair): Promise<void> {
    const end = (target: RaceTarget) => () => anySubject().invalidate(target)
    const actions: readonly (() => Promise<unknown>)[] = [
      ...times(
        random.between(0, 3),
        () => async () => maybeExercise(collect(await anySubject().refresh(pair.refresh))),
      ),
      ...times(random.below(2), () => end({ kind: 'access-token', token: pair.access })),
      ...times(random.below(2), () => end({ kind: 'refresh-token', token: pair.refresh })),
      ...times(random.below(6) === 0 ? random.between(1, 2) : 0, () => end(choose.session(pair))),
      ...times(random.below(2), () => () => introspect(pair)),
    ]
    await Promise.all(actions.map(later))
  }

  /** Several refreshes may get the same successor, and each of them may exercise it: the rules must hold then, too. */
  async function maybeExercise(pair: IssuedPair | undefined): Promise<void> {
    if (pair !== undefined && random.below(2) === 0) await exercise(pair)
  }

  function later(run: () => Promise<unknown>): Promise<unknown> {
    return within(phaseMs, run)
  }

  function within<Answer>(ms: number, run: () => Promise<Answer>): Promise<Answer | undefined> {
    return sleep(random.below(ms)).then(run).catch(alreadyRecorded)
  }
}

/** Chooses owners and targets. */
function createChooser(random: Random, { realms, usernames }: Names) {
  const owner = (): Owner => ({ realm: random.pick(realms), username: random.pick(usernames) })
  const kinds: readonly [() => OwnerScope, ...(() => OwnerScope)[]] = [
    () => ({ kind: 'realm', realm: random.pick(realms) }),
    () => ({ kind: 'username', username: random.pick(usernames) }),
    () => ({ kind: 'realm-user', ...owner() }),
  ]

  return {
    owner,
    /** Each kind of scope once, and up to three more. */
    scopes: (): readonly OwnerScope[] => [
      ...kinds.map((scope) => scope()),
      ...times(random.below(4), () => random.pick(kinds)()),
    ],
    session: (pair: IssuedPair): SessionSweep => ({
      kind: 'session',
      pair,
      by: random.pick(['id', 'access', 'refresh']),
    }),
    sweep: (scope: OwnerScope, caller: IssuedPair | undefined, instants: readonly [Date, ...Date[]]): OwnerSweep => ({
      kind: 'owner',
      scope,
      keeping: caller?.access,
      issuedBefore:
        random.below(2) === 0
          ? undefined
          : random.pick([random.pick(instants), new Date(Date.now() + random.below(aheadMs))]),
    }),
  }
}

function times<Answer>(count: number, run: () => Answer): Answer[] {
  return Array.from({ length: count }, run)
}

/** For `catch`: the journal has recorded the failure, and the referee reports it. */
export function alreadyRecorded(): undefined {
  return undefined
}
