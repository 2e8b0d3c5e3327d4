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

/**
 * The server ends a statement before we give it up. Otherwise a statement that waits for a lock could commit long after
 * its caller was told to repeat it: then the repetition of a refresh would look like the reuse of a stolen token.
 */
function endsEarlier(statementTimeoutMs: number): Settings {
  return { statement_timeout: String(serverTimeoutMs(statementTimeoutMs)) }
}

/** Two thirds: the answer of the server must arrive before we give up, also on a slow network. */
export function serverTimeoutMs(statementTimeoutMs: number): number {
  return Math.ceil((statementTimeoutMs * 2) / 3)
}

/** The server checks each second whether we are still there, so that a scan that was cancelled does not go on. */
const scansLong = { statement_timeout: '0', client_connection_check_interval: '1000' } as const satisfies Settings

export type Purpose = 'lookups' | 'scans' | 'background'

/** The options that a connection starts with. `statementTimeoutMs`: after how long we give a statement up. */
export function connectionOptions(purpose: Purpose, statementTimeoutMs: number): string {
  const common = { ...neededSettings, ...keepsIdle }
  switch (purpose) {
    case 'lookups':
      return asOptions({ ...common, ...endsEarlier(statementTimeoutMs), ...keyLookups })
    case 'scans':
      return asOptions({ ...common, ...endsEarlier(statementTimeoutMs) })
    case 'background':
      return asOptions({ ...common, ...scansLong })
    default:
      return purpose satisfies never
  }
}

/**
 * Makes a commit wait until it is on the disk, where the server, the database or the role says otherwise: what was
 * answered must survive a crash. Any other value waits for at least as much, and stays.
 */
export const assureDurability =
  "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local')"

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
