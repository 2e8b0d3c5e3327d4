import type { HandedOut } from './contestant.ts'
import { createJournal } from './journal.ts'
import type { Random } from './random.ts'
import { judge, type Violation } from './referee.ts'
import { type Contestants, noted, storm } from './storm.ts'

export interface RoundResult {
  readonly violations: readonly Violation[]
  readonly operations: number
  /** Halves handed out. */
  readonly halves: number
  /** Those that were seen alive in the calm. Were there none, nothing would show that a sweep spares anybody. */
  readonly survivors: number
}

/**
 * One round: some logins; then sweeps of all scopes and kinds, refreshes, invalidations of single tokens and of whole
 * sessions, logins and looks, all at once at all contestants; then, in the calm, a look at every half; then a last sweep
 * of everything, and another look.
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

async function look(
  contestants: Contestants,
  random: Random,
  handedOut: ReadonlyMap<string, HandedOut>,
): Promise<void> {
  const tokens = [...handedOut.values()].flatMap(({ access, refresh }) => [access, refresh])
  await Promise.all(tokens.map((token) => random.pick(contestants).isActive(token).catch(noted)))
}
