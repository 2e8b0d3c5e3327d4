import { type SQL, sql } from 'drizzle-orm'

/**
 * Ends a subquery whose rows are few and found by key, and are to be found so: whatever is done with them comes after.
 * Without it they may be met on a walk that is in the order they are wanted in, or optimizationFence for all at once.
 */
export const optimizationFence = sql`offset 0`

/** Columns of a batch: Postgres takes a whole list as one parameter, so a statement's text never depends on its size. */
export function column<Member>(members: readonly Member[], read: (member: Member) => unknown): unknown[] {
  return members.map(read)
}

type ColumnType = 'boolean' | 'smallint' | 'bigint' | 'text' | 'bytea' | 'timestamptz' | 'revocation_selector'

/** A parameter of a prepared statement, by name and type. */
export function placeholder(name: string, type: ColumnType): SQL {
  return sql`${sql.placeholder(name)}::${sql.raw(type)}`
}

/** One that is a list. */
export function list(name: string, type: ColumnType): SQL {
  return sql`${placeholder(name, type)}[]`
}
