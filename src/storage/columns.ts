import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'

/**
 * Ends a subquery whose few rows are to be found by key before anything else is done with them. `offset 0` stops
 * Postgres from flattening the subquery: flattened, it may scan an index in the wanted order instead, or join all rows
 * at once.
 */
export const optimizationFence = sql`offset 0`

/**
 * A column of a batch. A whole list is one parameter, so a statement's text does not depend on the size of the batch.
 */
export function column<Member>(members: readonly Member[], read: (member: Member) => unknown): unknown[] {
  return members.map(read)
}

type ColumnType = 'boolean' | 'smallint' | 'bigint' | 'text' | 'bytea' | 'timestamptz'

/** A parameter of a prepared statement, by name and type. */
export function placeholder(name: string, type: ColumnType): SQL {
  return sql`${sql.placeholder(name)}::${sql.raw(type)}`
}

/** A parameter that is a list. */
export function list(name: string, type: ColumnType): SQL {
  return sql`${placeholder(name, type)}[]`
}

/** A list as one parameter. Drizzle would make a parameter of each member. */
export function textArray(texts: readonly string[] | null): SQL {
  return sql`${sql.param(texts)}::text[]`
}

/** Decodes a number that Postgres writes as text, or null. */
export function nullableNumber(value: unknown): number | null {
  return value === null ? null : Number(value)
}

/** An instant as whole milliseconds since 1970: a number has the same text under every setting of a server. */
export function epochMs(instant: SQLWrapper): SQL {
  return sql`floor(extract(epoch from ${instant}) * 1000)::bigint`
}

/** How a statement selects an instant. */
export function instantOf(column: AnyPgColumn): SQL<Date> {
  return epochMs(column).mapWith((ms: unknown) => new Date(Number(ms)))
}

/** The same for a column that may be null. */
export function nullableInstantOf(column: AnyPgColumn): SQL<Date | null> {
  return epochMs(column).mapWith((ms: unknown) => (ms === null ? null : new Date(Number(ms))))
}
