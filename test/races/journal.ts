import type { InvalidationCounts } from '../../src/tokens/coverage.ts'
import type { IssuedPair, Login, RaceTarget, Subject } from './subject.ts'

/**
 * When an operation was sent and when its answer arrived, in ticks of one counter in this one thread. So "A was
 * acknowledged before B was sent" (`A.answered < B.sent`) does not depend on any clock.
 *
 * `sentAt` and `answeredAt` are the same moments in milliseconds of the machine's clock, which also sets the time of
 * each login. Only `issuedBefore` is compared with them.
 */
interface Span {
  readonly sent: number
  readonly answered: number
  readonly sentAt: number
  readonly answeredAt: number
}

export type Issued = Span & { readonly kind: 'issue'; readonly login: Login; readonly pair: IssuedPair }
export type Refreshed = Span & {
  readonly kind: 'refresh'
  readonly token: string
  readonly pair: IssuedPair | undefined
}
export type Invalidated = Span & {
  readonly kind: 'invalidate'
  readonly target: RaceTarget
  /** Undefined: refused. */
  readonly counts: InvalidationCounts | undefined
}
export type Introspected = Span & { readonly kind: 'introspect'; readonly token: string; readonly isActive: boolean }
type Failed = Span & { readonly kind: 'failure'; readonly verb: keyof Subject; readonly message: string }
export type Entry = Issued | Refreshed | Invalidated | Introspected | Failed

/** The record of one round: every operation, with its answer and the time that it took. */
export interface Journal {
  readonly entries: readonly Entry[]
  /** The current tick. */
  now(): number
  /** The same subject; the journal records each call and its answer. A failure is recorded and thrown again. */
  observe(subject: Subject): Subject
}

export function createJournal(): Journal {
  const entries: Entry[] = []
  let tick = 0

  async function record<Answer>(
    verb: keyof Subject,
    run: () => Promise<Answer>,
    entryOf: (answer: Answer, span: Span) => Entry,
  ): Promise<Answer> {
    const start = { sent: ++tick, sentAt: Date.now() }
    const span = () => ({ ...start, answered: ++tick, answeredAt: Date.now() })
    try {
      const answer = await run()
      entries.push(entryOf(answer, span()))
      return answer
    } catch (error) {
      entries.push({ kind: 'failure', verb, message: String(error), ...span() })
      throw error
    }
  }

  return {
    entries,
    now: () => tick,
    observe: (subject) => ({
      issue: (login) =>
        record(
          'issue',
          () => subject.issue(login),
          (pair, span) => ({ kind: 'issue', login, pair, ...span }),
        ),
      refresh: (token) =>
        record(
          'refresh',
          () => subject.refresh(token),
          (pair, span) => ({ kind: 'refresh', token, pair, ...span }),
        ),
      invalidate: (target) =>
        record(
          'invalidate',
          () => subject.invalidate(target),
          (counts, span) => ({ kind: 'invalidate', target, counts, ...span }),
        ),
      isActive: (token) =>
        record(
          'isActive',
          () => subject.isActive(token),
          (isActive, span) => ({ kind: 'introspect', token, isActive, ...span }),
        ),
    }),
  }
}
