import { setTimeout as sleep } from 'node:timers/promises'
import type { Owner, OwnerScope } from '../../src/tokens/owner.ts'
import type { Contestant, HandedOut, RaceTarget, Sweep, WholeSession } from './contestant.ts'
import type { Random } from './random.ts'

export type Contestants = readonly [Contestant, ...Contestant[]]

export interface Names {
  readonly realms: readonly [string, string]
  readonly usernames: readonly [string, string]
}

/** All that is started within one storm begins within so many milliseconds: a few commits' time. */
const stormMs = 14

/** The first logins come one after another within so many, so that there are instants between them. */
const loginsMs = 6

/** An instant may lie so far ahead: logins before and after it are then made while the sweep is on its way. */
const aheadMs = 8

/** Answers every pair that was handed out, by its access token. */
export async function storm(
  contestants: Contestants,
  random: Random,
  names: Names,
): Promise<ReadonlyMap<string, HandedOut>> {
  const handedOut = new Map<string, HandedOut>()
  const instants: [Date, ...Date[]] = [new Date()]
  const any = () => random.pick(contestants)
  const aim = createAim(random, names)

  const logins = await Promise.all(times(random.between(3, 6), () => within(loginsMs, () => login(aim.owner()))))
  await Promise.all([
    ...logins.flatMap((pair) => (pair === undefined ? [] : [useUp(pair)])),
    ...times(random.between(1, 3), () => later(async () => live(await login(aim.owner())))),
    ...aim.scopes().map((scope) => later(() => sweep(scope))),
  ])
  return handedOut

  function keep(pair: HandedOut | undefined): HandedOut | undefined {
    if (pair !== undefined) handedOut.set(pair.access, pair)
    return pair
  }

  async function login(owner: Owner): Promise<HandedOut | undefined> {
    const pair = keep(await any().issue(owner))
    instants.push(new Date())
    return pair
  }

  function anyPair(): HandedOut | undefined {
    return [...handedOut.values()][random.below(handedOut.size)]
  }

  /** Its answer is put to the test at once: what was before it is dead, and who logs in now or is spared lives. */
  async function sweep(scope: OwnerScope): Promise<void> {
    const asker = random.below(2) === 0 ? undefined : anyPair()
    await any().invalidate(aim.sweep(scope, asker, instants))
    const { realm, username } = { ...aim.owner(), ...scope }
    await Promise.all([
      lookAt(anyPair()),
      lookAt(asker),
      asker && random.below(2) === 0 && useUp(asker),
      random.below(2) === 0 && login({ realm, username }).then(live),
    ])
  }

  async function lookAt(pair: HandedOut | undefined): Promise<void> {
    if (pair !== undefined) await any().isActive(random.pick([pair.access, pair.refresh]))
  }

  /** What happens to one pair: some of all that can, and to its successor the same again. */
  async function useUp(pair: HandedOut): Promise<void> {
    const end = (target: RaceTarget) => () => any().invalidate(target)
    const actions: readonly (() => Promise<unknown>)[] = [
      ...times(random.between(0, 3), () => async () => live(keep(await any().refresh(pair.refresh)))),
      ...times(random.below(2), () => end({ kind: 'access-token', token: pair.access })),
      ...times(random.below(2), () => end({ kind: 'refresh-token', token: pair.refresh })),
      ...times(random.below(6) === 0 ? random.between(1, 2) : 0, () => end(aim.session(pair))),
      ...times(random.below(2), () => () => lookAt(pair)),
    ]
    await Promise.all(actions.map(later))
  }

  /** Of several that were handed the same successor, each may go on with it: that too must end well. */
  async function live(pair: HandedOut | undefined): Promise<void> {
    if (pair !== undefined && random.below(2) === 0) await useUp(pair)
  }

  function later(run: () => Promise<unknown>): Promise<unknown> {
    return within(stormMs, run)
  }

  function within<Answer>(ms: number, run: () => Promise<Answer>): Promise<Answer | undefined> {
    return sleep(random.below(ms)).then(run).catch(noted)
  }
}

/** Who and what is aimed at. */
function createAim(random: Random, { realms, usernames }: Names) {
  const owner = (): Owner => ({ realm: random.pick(realms), username: random.pick(usernames) })
  const kinds: readonly [() => OwnerScope, ...(() => OwnerScope)[]] = [
    () => ({ kind: 'realm', realm: random.pick(realms) }),
    () => ({ kind: 'username', username: random.pick(usernames) }),
    () => ({ kind: 'realm-user', ...owner() }),
  ]

  return {
    owner,
    /** Each kind once, and up to three more. */
    scopes: (): readonly OwnerScope[] => [
      ...kinds.map((scope) => scope()),
      ...times(random.below(4), () => random.pick(kinds)()),
    ],
    session: (pair: HandedOut): WholeSession => ({
      kind: 'session',
      pair,
      by: random.pick(['id', 'access', 'refresh']),
    }),
    sweep: (scope: OwnerScope, asker: HandedOut | undefined, instants: readonly [Date, ...Date[]]): Sweep => ({
      kind: 'owner',
      scope,
      keeping: asker?.access,
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

/** The journal has it, and the referee will say so. */
export function noted(): undefined {
  return undefined
}
