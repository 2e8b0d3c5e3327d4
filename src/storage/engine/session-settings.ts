/**
 * The settings of a connection on which Postgres plans each statement once and keeps the plan. Our statements, run
 * alone, take three times as long if they are planned each time.
 *
 * A kept plan must not depend on the size that a table had when the plan was made. A plan made while the log had a
 * hundred rows scanned the log for each token: within twenty seconds of load an introspection took 28 times as long,
 * until the next "analyze". These statements read by key, so the settings rule out scans of a table and joins that
 * collect it first. A statement that does scan, as the count of a realm, runs on `Database.walker`. (`jit` compiles a
 * plan, which takes longer than any of our statements.)
 */
export const keyLookupSettings = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_bitmapscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
]
  .map((setting) => `-c ${setting}`)
  .join(' ')
