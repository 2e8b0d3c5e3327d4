type Settings = Readonly<Record<string, string>>

/**
 * What our statements need of a session. A server, a database or a role can set each of these otherwise.
 *
 * On a direct connection we set them ourselves. A pooler in transaction mode accepts no settings, so there `assertSession`
 * refuses what differs.
 *
 * What only decides how a value looks as text is not here (`DateStyle`, `IntervalStyle`, `TimeZone`, `bytea_output`,
 * `extra_float_digits`, `lc_*`): no statement depends on it. Instants are read as numbers, and are sent with their offset
 * in ISO 8601, which Postgres reads alike under every `DateStyle`.
 */
export const neededSettings = {
  // The migrations create the types and the view there by name, so all tables must be there.
  search_path: 'public',
  // A statement that has waited for a lock must see what was committed meanwhile.
  default_transaction_isolation: 'read committed',
  // In a parameter that is a list, NULL is null. If this is off, it is a text of four letters.
  array_nulls: 'on',
} as const satisfies Settings

/** A server must not close a connection that waits for its next statement: that statement would fail. */
const keepsIdle = { idle_session_timeout: '0' } as const satisfies Settings

/**
 * With these, Postgres plans each statement once on a connection and keeps the plan. Our statements, run alone, take three
 * times as long if they are planned each time.
 *
 * A kept plan must not depend on the size that a table had when the plan was made. A plan made while the log had a
 * hundred rows scanned the log for each token: within twenty seconds of load an introspection took 28 times as long,
 * until the next "analyze". These statements read by key, so the settings rule out scans of a table and joins that
 * collect it first. A statement that does scan, as the count of a realm, runs on `Database.scanner`. (`jit` compiles a
 * plan, which takes longer than any of our statements.)
 */
const keyLookups = {
  plan_cache_mode: 'force_generic_plan',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_nestloop: 'on',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const satisfies Settings

/** The server checks each second whether we are still there, so that a scan that was cancelled does not go on. */
const scansLong = { statement_timeout: '0', client_connection_check_interval: '1000' } as const satisfies Settings

/** For each kind of connection, the options that it starts with. */
export const connectionOptions = {
  lookups: asOptions({ ...neededSettings, ...keepsIdle, ...keyLookups }),
  scans: asOptions({ ...neededSettings, ...keepsIdle }),
  background: asOptions({ ...neededSettings, ...keepsIdle, ...scansLong }),
} as const

/** The server ends an option at a space, unless a backslash is before it. */
function asOptions(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
    .join(' ')
}

/** What may interrupt a session that works for long or waits for a lock. `transaction_timeout` is new in PostgreSQL 17. */
export const timeoutSettings = [
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
  'idle_session_timeout',
  'idle_in_transaction_session_timeout',
] as const
