import { alreadyRecorded, runConcurrently, type Subjects } from './concurrent-phase.ts'
import { clients } from './http.ts'
import { createJournal } from './journal.ts'
import type { Random } from './random.ts'
import { judge, type Violation } from './referee.ts'
import type { IssuedPair } from './subject.ts'

export interface RoundResult {
  readonly violations: readonly Violation[]
  readonly operations: number
  /** Halves that were issued. */
  readonly halves: number
  /** Halves that were valid in the quiet phase. With none, no check would show that a sweep spares any session. */
  readonly stillValid: number
}

/**
 * Plays one round, judged from its journal alone:
 *
 * 1. some logins;
 * 2. the concurrent phase: sweeps of all kinds, refreshes, invalidations of single tokens, logins and introspections,
 *    all at the same time and spread over all subjects;
 * 3. the quiet phase: one introspection of every half, and nothing else;
 * 4. sweeps of both realms, and another introspection of every half.
 *
 * A seed repeats the operations that are chosen at the start, not their timing, nor what follows from the timing.
 */
export async function playRound(subjects: Subjects, random: Random, namePrefix: string): Promise<RoundResult> {
  const journal = createJournal()
  const [first, ...others] = subjects
  const observed: Subjects = [journal.observe(first), ...others.map(journal.observe)]
  const realms = [`${namePrefix} staff`, `${namePrefix} guests`] as const
  const usernames = [`${namePrefix} alice`, `${namePrefix} bob`] as const

  const issuedPairs = await runConcurrently(observed, random, { realms, usernames, clients })
  const quiet = { from: journal.now(), to: 0 }
  await introspectAll(observed, random, issuedPairs)
  quiet.to = journal.now()
  for (const realm of realms)
    await random
      .pick(observed)
      .invalidate({ kind: 'sweep', scope: { kind: 'realm', realm } })
      .catch(alreadyRecorded)
  await introspectAll(observed, random, issuedPairs)

  const { entries } = journal
  const stillValid = entries.filter(
    (entry) => entry.kind === 'introspect' && entry.isActive && entry.sent > quiet.from,
  ).length
  return { violations: judge(entries, quiet), operations: entries.length, halves: issuedPairs.size * 2, stillValid }
}

async function introspectAll(
  subjects: Subjects,
  random: Random,
  issuedPairs: ReadonlyMap<string, IssuedPair>,
): Promise<void> {
  const tokens = [...issuedPairs.values()].flatMap(({ access, refresh }) => [access, refresh])
  await Promise.all(tokens.map((token) => random.pick(subjects).isActive(token).catch(alreadyRecorded)))
}
