/**
 * The settings of a connection on which each statement is planned once, and that plan is kept: planned anew each time,
 * ours take three times as long alone.
 *
 * A plan that is kept must not go by the size that a table had when it was made. Made while the log had a hundred rows,
 * it walked the log for each token: within twenty seconds of load an introspection took 28 times as long, until the next
 * "analyze". These statements read by key, so ways to walk a table, or to gather it for a join, are ruled out; what does
 * walk, a count of a realm, goes by `Database.walker`. (To compile a plan, as `jit` does, takes longer than any of ours.)
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
