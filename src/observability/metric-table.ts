/** Seconds. From a look-up that shares a statement to the time after which a request is given up. */
const durations = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20]

/**
 * Every metric of the service, by its name without the prefix `invalidate_token_`. `npm run docs` prints it as
 * docs/metrics.md. No label has a value that a caller chooses.
 */
export const metrics = {
  requests_total: {
    kind: 'counter',
    labels: ['route', 'status'],
    help: 'Requests that were answered, by route and class of status (2xx), or how they ended: `disconnected`, `overdue`, `unread`, `stopped`. A route is `other` where there is none.',
  },
  request_duration_seconds: {
    kind: 'histogram',
    labels: ['route'],
    buckets: durations,
    help: 'From the arrival of the headers to the end of the answer. Streams are left out.',
  },
  open_requests: { kind: 'gauge', labels: [], help: 'Requests that are not answered yet, and open streams.' },
  connections: { kind: 'gauge', labels: [], help: 'Open connections of clients.' },
  verbs_total: {
    kind: 'counter',
    labels: ['verb', 'outcome'],
    help: 'Operations on tokens, by outcome: `ok` and its like, or the code of the error.',
  },
  verb_duration_seconds: { kind: 'histogram', labels: ['verb'], buckets: durations, help: 'How long they took.' },
  statement_duration_seconds: {
    kind: 'histogram',
    labels: ['statement'],
    buckets: durations,
    help: 'Statements of the database, with the time that they waited for a connection.',
  },
  statement_failures_total: { kind: 'counter', labels: ['statement'], help: 'Statements that failed.' },
  statement_items: {
    kind: 'histogram',
    labels: ['statement'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    help: 'How many concurrent calls shared a statement and its commit.',
  },
  pool_connections: {
    kind: 'gauge',
    labels: ['pool', 'state'],
    help: 'Connections to PostgreSQL by pool: `used`, `idle`, and `waiting` for calls that wait for one.',
  },
  feed_lag_seconds: {
    kind: 'histogram',
    labels: [],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    help: 'From the commit of a revocation to its reading by the feed of this process. Only while there are followers.',
  },
  streams: {
    kind: 'gauge',
    labels: ['verb'],
    help: 'Open streams: `watch_token` waits for the end of one token, `follow_revocations` follows the whole log, and `follow_for_guard` does so for a guard.',
  },
  retention_rounds_total: { kind: 'counter', labels: [], help: 'Rounds of retention that succeeded.' },
  retention_deleted_total: {
    kind: 'counter',
    labels: ['what'],
    help: 'What retention deleted: `slots` of expired pairs, and `revocations`.',
  },
  retention_last_success_timestamp_seconds: {
    kind: 'gauge',
    labels: [],
    help: 'When the last round of retention succeeded; 0 before the first.',
  },
  rate_limited_total: { kind: 'counter', labels: ['limit'], help: 'Requests that were answered 429, by limit.' },
  events_total: {
    kind: 'counter',
    labels: ['event'],
    help: 'Operational events by name, also those that are not logged.',
  },
} as const satisfies Readonly<Record<string, Metric>>

export type MetricName = keyof typeof metrics

/** The metrics of one kind. */
export type MetricOf<Kind extends Metric['kind']> = {
  readonly [Name in MetricName]: (typeof metrics)[Name] extends { readonly kind: Kind } ? Name : never
}[MetricName]

interface Metric {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly buckets?: readonly number[]
  readonly help: string
}

export const prefix = 'invalidate_token_'
