import { setTimeout as sleep } from 'node:timers/promises'
import type { SweepScope } from '../../src/tokens/coverage.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { Random } from './random.ts'
import type { IssuedPair, Login, RaceTarget, SessionSweep, Subject, Sweep } from './subject.ts'

export type Subjects = readonly [Subject, ...Subject[]]

export interface Names {
  readonly realms: readonly [string, string]
  readonly usernames: readonly [string, string]
  readonly clients: readonly [string, string]
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

  const logins = await Promise.all(times(random.between(3, 6), () => within(loginsMs, () => login(choose.login()))))
  await Promise.all([
    ...logins.flatMap((pair) => (pair === undefined ? [] : [exercise(pair)])),
    ...times(random.between(1, 3), () => later(async () => maybeExercise(await login(choose.login())))),
    ...choose.scopes().map((scope) => later(() => sweep(scope))),
  ])
  return issuedPairs

  function collect(pair: IssuedPair | undefined): IssuedPair | undefined {
    if (pair !== undefined) issuedPairs.set(pair.access, pair)
    return pair
  }

  async function login(request: Login): Promise<IssuedPair | undefined> {
    const pair = collect(await anySubject().issue(request))
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
  async function sweep(scope: SweepScope): Promise<void> {
    const caller = random.below(2) === 0 ? undefined : anyPair()
    await anySubject().invalidate(choose.sweep(scope, caller, instants))
    const loggingIn = choose.loginIn(scope)
    await Promise.all([
      introspect(anyPair()),
      introspect(caller),
      caller && random.below(2) === 0 && exercise(caller),
      random.below(2) === 0 && login(loggingIn).then(maybeExercise),
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

/** Chooses logins and targets. */
function createChooser(random: Random, { realms, usernames, clients }: Names) {
  const owner = (): Owner => ({ realm: random.pick(realms), username: random.pick(usernames) })
  const ofOwners: readonly [() => SweepScope, ...(() => SweepScope)[]] = [
    () => ({ kind: 'realm', realm: random.pick(realms) }),
    () => ({ kind: 'username', username: random.pick(usernames) }),
    () => ({ kind: 'realm-user', ...owner() }),
  ]
  const ofClient = (): SweepScope => ({ kind: 'client', clientId: random.pick(clients) })
  const ofEverything = (): SweepScope => ({ kind: 'everything' })
  const login = (): Login => ({ ...owner(), client: random.pick(clients) })

  return {
    login,
    /** A login that the scope covers. */
    loginIn: (scope: SweepScope): Login =>
      scope.kind === 'client' ? { ...owner(), client: scope.clientId } : { ...login(), ...namesOf(scope) },
    /**
     * Each kind of owners' scope once and up to three more, in every second round a client, in every fourth everything:
     * more often, and no session would be left for the others.
     */
    scopes: (): readonly SweepScope[] => [
      ...ofOwners.map((scope) => scope()),
      ...times(random.below(4), () => random.pick(ofOwners)()),
      ...times(random.below(2), ofClient),
      ...times(random.below(4) === 0 ? 1 : 0, ofEverything),
    ],
    session: (pair: IssuedPair): SessionSweep => ({
      kind: 'session',
      pair,
      by: random.pick(['id', 'access', 'refresh']),
    }),
    sweep: (scope: SweepScope, caller: IssuedPair | undefined, instants: readonly [Date, ...Date[]]): Sweep => ({
      kind: 'sweep',
      scope,
      keeping: caller?.access,
      issuedBefore:
        random.below(2) === 0
          ? undefined
          : random.pick([random.pick(instants), new Date(Date.now() + random.below(aheadMs))]),
    }),
  }
}

function namesOf(scope: SweepScope): Partial<Owner> {
  switch (scope.kind) {
    case 'realm':
      return { realm: scope.realm }
    case 'username':
      return { username: scope.username }
    case 'realm-user':
      return { realm: scope.realm, username: scope.username }
    default:
      return {}
  }
}

function times<Answer>(count: number, run: () => Answer): Answer[] {
  return Array.from({ length: count }, run)
}

/** For `catch`: the journal has recorded the failure, and the referee reports it. */
export function alreadyRecorded(): undefined {
  return undefined
}
