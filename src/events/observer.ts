/** The statements that are measured. Names are stable: they are labels of metrics. */
export const statementNames = [
  'issue',
  'find',
  'refresh',
  'invalidate_half',
  'invalidate_scope',
  'count',
  'find_session',
  'list_sessions',
  'find_client',
  'change_client',
  'find_revocation',
  'list_revocations',
  'read_feed',
  'count_failures',
] as const

export type StatementName = (typeof statementNames)[number]

/** The verbs that are answered with a stream. */
export const streamNames = ['watch_token', 'follow_revocations', 'follow_for_guard'] as const

export type StreamName = (typeof streamNames)[number]

/** A place in a trace that something later refers to. Opaque. */
export type TracePoint = unknown

/**
 * Watches the work of the service, for metrics and traces. What is watched does not know by whom, and does the same
 * without it.
 */
export interface Observer {
  /** Where the code is now, for a statement that is sent later, together with others. */
  here(): TracePoint
  /** Runs a statement for as many items as there are places. */
  statement<Answer>(name: StatementName, places: readonly TracePoint[], run: () => Promise<Answer>): Promise<Answer>
  /** Runs a verb of `Tokens`. `outcomeOf` names the outcome of an answer. */
  verb<Answer>(name: string, run: () => Promise<Answer>, outcomeOf: (answer: Answer) => string): Promise<Answer>
  /** A round of retention has ended. */
  retention(deleted: RetentionCounts): void
  /** The feed has read a revocation that was appended so long ago. */
  feedRead(lagMs: number): void
  /** A stream has begun. Answers the function to call at its end. */
  streamBegun(name: StreamName): () => void
}

interface RetentionCounts {
  /** Partitions of expired pairs. */
  readonly slots: number
  readonly revocations: number
}

/** Nothing is measured. */
export const observeNothing: Observer = {
  here: () => undefined,
  statement: (_name, _places, run) => run(),
  verb: (_name, run) => run(),
  retention: () => undefined,
  feedRead: () => undefined,
  streamBegun: () => () => undefined,
}
