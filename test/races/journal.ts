import type { Owner } from '../../src/tokens/owner.ts'
import type { InvalidationCounts } from '../../src/tokens/store.ts'
import type { Contestant, HandedOut, RaceTarget } from './contestant.ts'

/**
 * When an operation was sent and when its answer was there, in ticks of one counter in this one thread. So "A was
 * acknowledged before B was sent" (`A.answered < B.sent`) is a fact and not a matter of clocks.
 *
 * The same in milliseconds of the machine's clock, which stamps logins too, is for `issuedBefore` alone.
 */
interface Span {
  readonly sent: number
  readonly answered: number
  readonly sentAt: number
  readonly answeredAt: number
}

export type Issued = Span & { readonly kind: 'issue'; readonly owner: Owner; readonly pair: HandedOut }
export type Refreshed = Span & {
  readonly kind: 'refresh'
  readonly token: string
  readonly pair: HandedOut | undefined
}
export type Invalidated = Span & {
  readonly kind: 'invalidate'
  readonly target: RaceTarget
  /** Undefined: refused. */
  readonly counts: InvalidationCounts | undefined
}
export type Looked = Span & { readonly kind: 'look'; readonly token: string; readonly isActive: boolean }
type Failed = Span & { readonly kind: 'failure'; readonly verb: keyof Contestant; readonly message: string }
export type Entry = Issued | Refreshed | Invalidated | Looked | Failed

export interface Journal {
  readonly entries: readonly Entry[]
  /** The tick now. */
  now(): number
  /** The same contestant, with all it is asked and answers written down. A failure is written down and thrown on. */
  follow(contestant: Contestant): Contestant
}

export function createJournal(): Journal {
  const entries: Entry[] = []
  let tick = 0

  async function write<Answer>(
    verb: keyof Contestant,
    run: () => Promise<Answer>,
    entryOf: (answer: Answer, span: Span) => Entry,
  ): Promise<Answer> {
    const begun = { sent: ++tick, sentAt: Date.now() }
    const over = () => ({ ...begun, answered: ++tick, answeredAt: Date.now() })
    try {
      const answer = await run()
      entries.push(entryOf(answer, over()))
      return answer
    } catch (error) {
      entries.push({ kind: 'failure', verb, message: String(error), ...over() })
      throw error
    }
  }

  return {
    entries,
    now: () => tick,
    follow: (contestant) => ({
      issue: (owner) =>
        write(
          'issue',
          () => contestant.issue(owner),
          (pair, span) => ({ kind: 'issue', owner, pair, ...span }),
        ),
      refresh: (token) =>
        write(
          'refresh',
          () => contestant.refresh(token),
          (pair, span) => ({ kind: 'refresh', token, pair, ...span }),
        ),
      invalidate: (target) =>
        write(
          'invalidate',
          () => contestant.invalidate(target),
          (counts, span) => ({ kind: 'invalidate', target, counts, ...span }),
        ),
      isActive: (token) =>
        write(
          'isActive',
          () => contestant.isActive(token),
          (isActive, span) => ({ kind: 'look', token, isActive, ...span }),
        ),
    }),
  }
}
