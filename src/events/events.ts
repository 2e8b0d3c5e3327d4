/**
 * The operational events of the service: one typed stream, for logs, metrics and alerts. Imports nothing, so that every
 * folder can report.
 *
 * Names are stable: an alert may be set on one, a retired name is never used again. Evidence is for operators; it holds
 * no token, secret, digest or SQL parameter.
 */
export const events = {
  unexpected_error: {
    level: 'error',
    meaning: 'A fault of this service. Its caller was answered "Unexpected error.".',
  },
  authentication_failed: {
    level: 'warn',
    meaning:
      'Credentials were refused: a wrong secret, an unknown client, or what is no token of this service. A token that has expired is not one of these.',
  },
  authority_refused: {
    level: 'warn',
    meaning: 'A caller with right credentials asked for what it has no right to.',
  },
  refresh_token_reused: {
    level: 'warn',
    meaning:
      'A refresh token was used again after its grace period, so it may have been stolen. Its session was ended (RFC 9700 §4.14.2).',
  },
  rate_limited: {
    level: 'warn',
    meaning: 'A request was answered 429: its caller, or its address, has asked for too much in the last minute.',
  },
  database_unreachable: {
    level: 'warn',
    meaning:
      'A request could not reach the database, or was not answered in time, or the database was restored and `restored` has not run. Its caller was answered 503 and may try again.',
  },
  not_ready: {
    level: 'warn',
    meaning:
      '`/ready` was answered 503: the database does not answer, or it was restored and `restored` has not run, or this process is stopping.',
  },
  database_connection_lost: {
    level: 'warn',
    meaning: 'An idle connection of the pool broke. The pool opens another when it needs one.',
  },
  listen_connection_lost: {
    level: 'warn',
    meaning:
      'The connection that receives the notifications of other processes was lost. Followers poll every few seconds until it is back.',
  },
  listen_connection_restored: { level: 'info', meaning: 'The connection that receives notifications is back.' },
  notification_not_sent: {
    level: 'warn',
    meaning: 'Other processes were not notified of a revocation. Their followers read it within a few seconds.',
  },
  feed_delayed: {
    level: 'warn',
    meaning:
      'The log of revocations could not be read for the subscriptions of this process. They go on without a gap once it can.',
  },
  feed_resumed: { level: 'info', meaning: 'The log of revocations is read again, and subscriptions go on.' },
  count_not_recorded: {
    level: 'warn',
    meaning:
      'A revocation took effect and was answered, but its counts could not be recorded. They are counted again later.',
  },
  retention_failed: {
    level: 'error',
    meaning: 'A round of retention failed. The next one tries again within about a minute.',
  },
  clock_skewed: {
    level: 'error',
    meaning:
      'The clock of this machine differs from that of the database by more than a minute. Tokens go by the database. Nothing that has expired is deleted until the clocks agree.',
  },
  clock_agrees: { level: 'info', meaning: 'The clocks of this machine and of the database agree again.' },
  clock_jumped: {
    level: 'warn',
    meaning:
      'The clock of this machine jumped by more than an hour, or the machine slept. The embedded database deletes nothing that has expired for the next ten minutes.',
  },
  database_restored: {
    level: 'error',
    meaning:
      'The database was restored from a backup or copied. The service does not start, or refuses every request (503), until an operator runs `restored`.',
  },
  database_timeline_changed: {
    level: 'warn',
    meaning:
      'PostgreSQL continues on another timeline: after a failover, or after a restore to a point in time, which needs `restored`.',
  },
  token_beyond_sequence: {
    level: 'warn',
    meaning:
      'A well-formed token has a number that the database has not given out yet: the database is older than the token, or the token is forged.',
  },
  response_not_sent: {
    level: 'warn',
    meaning:
      'An answer broke off while it was sent. Its connection was closed, so that no client takes it for the whole.',
  },
  request_overdue: {
    level: 'warn',
    meaning:
      'A request was not finished within 20 s. Its caller was answered 503 and may repeat it; what could be stopped was stopped.',
  },
  reader_cut_off: {
    level: 'warn',
    meaning:
      'A client read nothing of its answer or of its stream for 10 s, and its connection was closed. A follower goes on from its cursor.',
  },
  stream_refused: {
    level: 'warn',
    meaning:
      'A subscription was refused, because its caller (429) or this process (503) has as many open streams as MAX_STREAMS_PER_CALLER or MAX_STREAMS allows.',
  },
  connection_refused: {
    level: 'warn',
    meaning: 'There were as many connections as MAX_CONNECTIONS allows, so a further one was closed at once.',
  },
  connection_not_accepted: {
    level: 'error',
    meaning: 'The server could not accept a connection. Usually the process has too many files open.',
  },
  requests_cut_off: {
    level: 'warn',
    meaning:
      'The service stopped before these requests were finished, because they took too long. Their callers were answered 503 where they could be.',
  },
  stop_forced: {
    level: 'error',
    meaning: 'Something did not end within 5 s after SIGTERM or SIGINT, so the process ended itself, with exit code 1.',
  },
} as const satisfies Readonly<Record<string, { readonly level: EventLevel; readonly meaning: string }>>

/** The limits that `rate_limited` names. */
export const limitNames = ['client_failures', 'failures', 'anonymous', 'owner', 'client'] as const
export type LimitName = (typeof limitNames)[number]

export type EventLevel = 'info' | 'warn' | 'error'
export type EventName = keyof typeof events

export interface ServiceEvent {
  readonly name: EventName
  /** What was thrown, if anything was. */
  readonly error?: unknown
  /** Evidence as data: ids, numbers, instants. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>
}

/** Reports an event. Never throws and never blocks. */
export type EmitEvent = (event: ServiceEvent) => void

/** For a program that reports no events. */
export const dropEvents: EmitEvent = () => undefined
