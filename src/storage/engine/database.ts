import { type ExtractTablesWithRelations, type SQL, sql } from 'drizzle-orm'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import type { EmitEvent } from '../../events/events.ts'
import type { Observer } from '../../events/observer.ts'
import type { TokenServiceError } from '../../tokens/errors.ts'
import type * as schema from '../schema.ts'
import type { Notifications } from './notifications.ts'

/** The drizzle connection of either engine, embedded or Postgres. */
export type Db = PgDatabase<PgQueryResultHKT, typeof schema, ExtractTablesWithRelations<typeof schema>>

/** The time of day, and not the beginning of the transaction: that may have waited for a lock since. */
export const databaseClock = sql`clock_timestamp()`

export interface Database {
  readonly db: Db
  /** For the operator to read, without a password: which engine it is and where. */
  readonly description: string
  /** The names of the migrations that opening it applied, in order; empty if the tables were up to date. */
  readonly migrations: readonly string[]
  /**
   * The name to prepare a statement under. Behind a pooler in transaction mode it is empty: there the next statement
   * may go to another server connection, on which no statement was prepared under that name.
   */
  statementName(name: string): string
  /** The instant by the clock that all processes share, as an expression: `databaseClock`, but in tests. */
  readonly clock: SQL
  /** The same without asking the database, and whether rows may be deleted by it. */
  readonly time: SharedClock
  /**
   * For statements that may read a large part of a table. Postgres plans them by the current size of the tables; it
   * plans all other statements to read by key.
   */
  readonly scanner: Pick<Db, 'select'>
  /** The same for work that no request waits for, with minutes instead of seconds for each statement. */
  readonly background: Background
  /**
   * Resolves when the database answers a query now, and is not refused as a restored one.
   *
   * @throws TokenServiceError ERR_STORAGE_UNAVAILABLE
   */
  ping(): Promise<void>
  close(): Promise<void>
  readonly notifications: Notifications
  readonly identity: IdentityWatch
  /** Where all that uses this database reports its events. */
  readonly emit: EmitEvent
  /** Watches all that uses this database. */
  readonly observer: Observer
  /** The pools of connections as they are now. */
  pools(): readonly PoolState[]
}

/**
 * The time by the clock that all processes on this database share. It decides what has expired, and with that what
 * retention deletes.
 */
export interface SharedClock {
  /** Now. Asks nobody. */
  now(): Date
  /**
   * Compares the clocks again. Answers whether rows may be deleted by this time: deleting cannot be undone, and a clock
   * that is wrong by a day would delete the pairs of everybody who is logged in.
   */
  check(): Promise<boolean>
}

/** How many connections of a pool are in use and not, and how many calls wait for one. */
export interface PoolState {
  readonly name: string
  readonly used: number
  readonly idle: number
  readonly waiting: number
}

export interface Background {
  readonly scanner: Pick<Db, 'select'>
  /** Ends what runs there: each statement fails as if its connection was lost. */
  cancel(): void
}

/**
 * Whether this is still the database that this service has written, or one that was restored from a backup or copied.
 *
 * It is examined when the database is opened, and again at each `check`. A restored database is refused until an
 * operator has run `restored`; the next `check` finds that, and the database is served again.
 */
export interface IdentityWatch {
  /** Examines the database now, and reports a change as an event. */
  check(): Promise<void>
  /**
   * What the last check noticed, as the end of a sentence: "it was …"; undefined for a database that was not restored.
   */
  noticed(): string | undefined
  /** The error for every request while the database is refused; undefined while it is served. */
  refusal(): TokenServiceError | undefined
}

export type DatabaseLocation =
  | { readonly kind: 'embedded'; readonly folder: string }
  | {
      readonly kind: 'postgres'
      readonly url: string
      /**
       * Bypasses any pooler: LISTEN belongs to a session, which a pooler would give to other clients. Without a pooler
       * it is the same as `url`.
       */
      readonly directUrl: string
    }

export type PostgresLocation = Extract<DatabaseLocation, { readonly kind: 'postgres' }>

export interface DatabaseOptions {
  /** How long a statement may take before its request is answered that the outcome is unknown: 15,000 by default. */
  readonly statementTimeoutMs?: number
  /**
   * Receives the events of the storage, also those of `startRetention` and the token store. By default they are
   * dropped.
   */
  readonly emit?: EmitEvent
  /** Watches the statements and retention. By default nothing is measured. */
  readonly observer?: Observer
  /**
   * Refuses an embedded folder that holds no database; otherwise a database is created there. A caller that invalidates
   * tokens means tokens that exist, and a new, empty database would report success.
   */
  readonly mustExist?: boolean
  /**
   * Opens also a database that was restored from a backup or copied, in which ended tokens may be valid again. For the
   * commands with which an operator completes the restore; a service must not serve it.
   */
  readonly allowRestored?: boolean
}
