import { type SQL, sql } from 'drizzle-orm'

/** Columns of a batch: Postgres takes a whole list as one parameter, so a statement's text never depends on its size. */
export function column<Member>(members: readonly Member[], read: (member: Member) => unknown): unknown[] {
  return members.map(read)
}

/** A list parameter of a prepared statement, by name and type. */
export function list(name: string, type: 'boolean' | 'smallint' | 'bigint' | 'text' | 'bytea' | 'timestamptz'): SQL {
  return sql`${sql.placeholder(name)}::${sql.raw(type)}[]`
}
