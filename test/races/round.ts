import { setTimeout as sleep } from 'node:timers/promises'
import type { Owner, OwnerScope } from '../../src/tokens/owner.ts'
import type { Contestant, HandedOut } from './contestant.ts'
import { createJournal } from './journal.ts'
import type { Random } from './random.ts'
import { judge, type Violation } from './referee.ts'

export interface RoundResult {
  readonly violations: readonly Violation[]
  readonly operations: number
  /** Halves handed out. */
  readonly halves: number
  /** Those that were seen alive in the calm. Were there none, nothing would show that a sweep spares anybody. */
  readonly survivors: number
}

type Contestants = readonly [Contestant, ...Contestant[]]

/** All that is started within one storm begins within so many milliseconds: a few commits' time. */
const stormMs = 14

/**
 * One round: some logins; then sweeps of all scopes, refreshes, invalidations of single tokens, logins and looks, all at
 * once at all contestants; then, in the calm, a look at every half; then a last sweep of everything, and another look.
 *
 * A seed repeats what is planned at the start, not the timing, nor what the timing leads to.
 */
export async function playRound(contestants: Contestants, random: Random, names: string): Promise<RoundResult> {
  const journal = createJournal()
  const [first, ...others] = contestants
  const followed: Contestants = [journal.follow(first), ...others.map(journal.follow)]
  const realms = [`${names} staff`, `${names} guests`] as const
  const usernames = [`${names} alice`, `${names} bob`] as const

  const handedOut = await storm(followed, random, { realms, usernames })
  const calm = { from: journal.now(), to: 0 }
  await look(followed, random, handedOut)
  calm.to = journal.now()
  for (const realm of realms)
    await random
      .pick(followed)
      .invalidate({ kind: 'owner', scope: { kind: 'realm', realm } })
      .catch(noted)
  await look(followed, random, handedOut)

  const { entries } = journal
  const survivors = entries.filter((entry) => entry.kind === 'look' && entry.isActive && entry.sent > calm.from).length
  return { violations: judge(entries, calm), operations: entries.length, halves: handedOut.size * 2, survivors }
}

interface Names {
  readonly realms: readonly [string, string]
  readonly usernames: readonly [string, string]
}

/** Answers every pair that was handed out, by its access token. */
async function storm(
  contestants: Contestants,
  random: Random,
  { realms, usernames }: Names,
): Promise<ReadonlyMap<string, HandedOut>> {
  const handedOut = new Map<string, HandedOut>()
  const keep = (pair: HandedOut | undefined): HandedOut | undefined => {
    if (pair !== undefined) handedOut.set(pair.access, pair)
    return pair
  }
  const any = () => random.pick(contestants)
  const owner = (): Owner => ({ realm: random.pick(realms), username: random.pick(usernames) })

  const logins = await Promise.all(times(random.between(3, 6), () => any().issue(owner()).then(keep, noted)))
  await Promise.all([
    ...logins.flatMap((pair) => (pair === undefined ? [] : [useUp(pair)])),
    ...times(random.between(1, 3), () => later(async () => void (await live(keep(await any().issue(owner())))))),
    ...someScopes().map((scope) => later(() => sweep(scope))),
  ])
  return handedOut

  /** Its answer is put to the test at once: what was before it is dead, and who logs in now lives. */
  async function sweep(scope: OwnerScope): Promise<void> {
    await any().invalidate({ kind: 'owner', scope })
    const [pair] = [...handedOut.values()].slice(random.below(handedOut.size))
    const looking = pair === undefined ? undefined : any().isActive(random.pick([pair.access, pair.refresh]))
    const { realm, username } = { ...owner(), ...scope }
    const login = random.below(2) === 0 ? undefined : any().issue({ realm, username })
    await Promise.all([looking, login?.then(keep).then(live)])
  }

  /** What happens to one pair: some of all that can, and to its successor the same again. */
  async function useUp(pair: HandedOut): Promise<void> {
    const actions = [
      ...times(random.between(0, 3), () => async () => live(keep(await any().refresh(pair.refresh)))),
      ...times(random.below(2), () => () => any().invalidate({ kind: 'access-token', token: pair.access })),
      ...times(random.below(2), () => () => any().invalidate({ kind: 'refresh-token', token: pair.refresh })),
      ...times(random.below(2), () => () => any().isActive(random.pick([pair.access, pair.refresh]))),
    ]
    await Promise.all(actions.map(later))
  }

  /** Of several that were handed the same successor, each may go on with it: that too must end well. */
  async function live(pair: HandedOut | undefined): Promise<void> {
    if (pair !== undefined && random.below(2) === 0) await useUp(pair)
  }

  function later(run: () => Promise<unknown>): Promise<unknown> {
    return sleep(random.below(stormMs)).then(run).catch(noted)
  }

  /** Each kind once, and up to two more. */
  function someScopes(): readonly OwnerScope[] {
    const kinds: readonly [() => OwnerScope, ...(() => OwnerScope)[]] = [
      () => ({ kind: 'realm', realm: random.pick(realms) }),
      () => ({ kind: 'username', username: random.pick(usernames) }),
      () => ({ kind: 'realm-user', ...owner() }),
    ]
    return [...kinds.map((scope) => scope()), ...times(random.below(3), () => random.pick(kinds)())]
  }
}

async function look(
  contestants: Contestants,
  random: Random,
  handedOut: ReadonlyMap<string, HandedOut>,
): Promise<void> {
  const tokens = [...handedOut.values()].flatMap(({ access, refresh }) => [access, refresh])
  await Promise.all(tokens.map((token) => random.pick(contestants).isActive(token).catch(noted)))
}

function times<Answer>(count: number, run: () => Answer): Answer[] {
  return Array.from({ length: count }, run)
}

/** The journal has it, and the referee will say so. */
function noted(): undefined {
  return undefined
}
