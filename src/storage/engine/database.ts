import type { ExtractTablesWithRelations } from 'drizzle-orm'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import type * as schema from '../schema.ts'
import type { Notifications } from './notifications.ts'

/** Either engine, seen alike. */
export type Db = PgDatabase<PgQueryResultHKT, typeof schema, ExtractTablesWithRelations<typeof schema>>

export interface Database {
  readonly db: Db
  /** For people, without a password: what it is and where. */
  readonly description: string
  /** What opening it had to apply, by name, in order: none where the tables were up to date. */
  readonly migrations: readonly string[]
  /**
   * The name to prepare a statement under. Behind a pooler in transaction mode it is empty: there the next statement may
   * come to another server connection, which has never heard of the name.
   */
  statementName(name: string): string
  /** For what reads as many rows as there are: planned by what the tables hold, where all else is planned to read by key. */
  readonly walker: Pick<Db, 'select'>
  /** Resolves when the database answers a query now. */
  ping(): Promise<void>
  close(): Promise<void>
  readonly notifications: Notifications
}

export type DatabaseLocation =
  | { readonly kind: 'embedded'; readonly folder: string }
  | {
      readonly kind: 'postgres'
      readonly url: string
      /** Past any pooler: migrations lock a session, which a pooler would hand on. The same as `url` without one. */
      readonly directUrl: string
    }

export type PostgresLocation = Extract<DatabaseLocation, { readonly kind: 'postgres' }>

export interface DatabaseOptions {
  /** Told about a connection that broke while nobody used it. */
  readonly onIdleError?: (error: Error) => void
  /**
   * Refuses an embedded folder that holds no database, where otherwise one is made: whoever comes to end tokens means
   * those that there are, and an empty database would say that all is done.
   */
  readonly mustExist?: boolean
}
