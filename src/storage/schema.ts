import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  pgEnum,
  pgSequence,
  pgTable,
  pgView,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { bytes, instant, revisionColumn, xid } from './column-types.ts'

/**
 * The tables, the sequence, and the view that states the rule "is this half invalid?".
 *
 * A token row is written once and never changed. To invalidate is to append a row to `revocations`. That a refresh
 * token was spent is a row of `spent_refresh_tokens`. The view `token_pair_states` is the one place that states the rule
 * in SQL. Statements that restate a part of it for speed say so, and name the test that compares them with the view.
 */

/**
 * The one order that decides "before" and "after", shared by pairs and revocations. Its cache must stay 1: with a larger
 * one, each connection takes a block of numbers, and hands out low numbers after another has handed out higher ones.
 */
export const revision = pgSequence('revision', {
  startWith: 1,
  increment: 1,
  minValue: 1,
  maxValue: 281_474_976_710_655,
  cache: 1,
})

/**
 * One row for each issue and each refresh. Partitioned by list of `slot`, the retention ring, so that expired rows are
 * removed by truncating a partition. The migration adds the partitions by hand, because drizzle-kit cannot declare them.
 *
 * There is no index on the digests: a token carries its pair's slot and id, so a pair is found by them. Each partition
 * has a unique index on the id alone (also in the migration): a primary key would have to repeat the slot, which costs 9
 * bytes more for each pair. The widest columns come first, so that no padding is wasted.
 */
export const tokenPairs = pgTable(
  'token_pairs',
  {
    id: revisionColumn('id').notNull(),
    /** The id of the first pair of the login. */
    sessionId: revisionColumn('session_id').notNull(),
    issuedAt: instant('issued_at').notNull(),
    accessExpiresAt: instant('access_expires_at').notNull(),
    /** When the whole pair has expired: the refresh token's expiry, or the access token's without one. */
    expiresAt: instant('expires_at').notNull(),
    slot: smallint('slot').notNull(),
    hasRefresh: boolean('has_refresh').notNull().generatedAlwaysAs(sql`refresh_digest is not null`),
    realm: text('realm').notNull(),
    username: text('username').notNull(),
    clientId: text('client_id').notNull(),
    /** Joined by spaces, as RFC 6749 §3.3 writes them. */
    scopes: text('scopes').notNull(),
    accessDigest: bytes('access_digest').notNull(),
    refreshDigest: bytes('refresh_digest'),
    /**
     * When the login was made, in each pair, because the first may have been removed long before the others. Null in the
     * first pair if its `issued_at` is right by the database's clock.
     */
    sessionStartedAt: instant('session_started_at'),
    /** What the login service said of the device. */
    deviceLabel: text('device_label'),
    userAgent: text('user_agent'),
    ipAddress: text('ip_address'),
  },
  (table) => [
    // Names arrive in random order, so index pages are half empty and each byte of a key counts twice: hence hashes. Two
    // hashes take no more space than one, and the second separates the `admin` of one realm from those of all others.
    index('token_pairs_username').on(sql`hashtext(username)`, sql`hashtext(realm)`),
    // A realm's sessions in order, with all columns that counting needs, so that the count reads the index alone.
    index('token_pairs_realm').on(table.realm, table.sessionId, table.hasRefresh, table.expiresAt),
    // A session's first pair is found by its id, the others by this.
    index('token_pairs_refreshed').on(table.sessionId).where(sql`id <> session_id`),
    // A client's sessions, nearly in order: keys repeat for 4,096 numbers, and Postgres stores a repeated key once. That
    // takes 9 bytes for each pair (with 1,000 clients 16), where the session id itself would take 28. The statement sorts the rest.
    index('token_pairs_client').on(sql`hashtext(client_id)`, sql`(session_id >> 12)`),
    check('token_pairs_expiry', sql`access_expires_at <= expires_at`),
  ],
)

/** That a refresh token was spent, and on which pair. The primary key, not a check, makes it single use. */
export const spentRefreshTokens = pgTable(
  'spent_refresh_tokens',
  {
    slot: smallint('slot').notNull(),
    pairId: revisionColumn('pair_id').notNull(),
    successorId: revisionColumn('successor_id').notNull(),
    successorSlot: smallint('successor_slot').notNull(),
    /** With the spent token, which is not stored, it re-derives the successor. Alone it reveals nothing. */
    salt: bytes('salt').notNull(),
    spentAt: instant('spent_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.slot, table.pairId] })],
)

/**
 * `owner` stands for every revocation that covers sessions by what they have in common: owners by `realm` and `username`
 * (null is any), a client's by `client_id`, and all by `everything`. Postgres cannot add a value to an enum and use it in
 * one transaction, and migrations are one, so these share a value and differ by their columns.
 */
export const revocationSelector = pgEnum('revocation_selector', ['access_token', 'refresh_token', 'session', 'owner'])

/** The log. A row is one invalidation: it takes effect when its insert commits. */
export const revocations = pgTable(
  'revocations',
  {
    revision: revisionColumn('revision').primaryKey(),
    selector: revocationSelector('selector').notNull(),
    /** The pair whose half was ended; only for a single token. */
    pairId: revisionColumn('pair_id'),
    /** The session that it names, or whose token it names. */
    sessionId: revisionColumn('session_id'),
    /** Whom it covers; for a session or a token, whose it was. An owner's revocation may leave one of them out. */
    realm: text('realm'),
    username: text('username'),
    /** Sessions with an id below it are covered. Null for a single token. */
    bound: revisionColumn('bound'),
    sparedSessionId: revisionColumn('spared_session_id'),
    at: instant('at').notNull(),
    caller: text('caller').notNull(),
    /** Both null until the count that follows the commit is done; a single token's are written with the row. */
    invalidated: bigint('invalidated', { mode: 'number' }),
    previouslyInvalidated: bigint('previously_invalidated', { mode: 'number' }),
    reason: text('reason'),
    comment: text('comment'),
    /** The transaction that appended it: a follower's cursor is a snapshot of transactions, never a revision. */
    xid: xid('xid').notNull().default(sql`pg_current_xact_id()`),
    /** Covers every session that this client created. */
    clientId: text('client_id'),
    /** Covers every session. True or null: a name that was left out must never widen a revocation to this. */
    everything: boolean('everything'),
  },
  (table) => [
    // This constraint decides "newly" or "previously": of any number of callers, one inserts.
    uniqueIndex('revocations_half').on(table.pairId, table.selector).where(sql`pair_id is not null`),
    index('revocations_session').on(table.sessionId).where(sql`selector = 'session'`),
    // Those that are not counted yet: a handful, looked for once a minute in a log of any length.
    index('revocations_uncounted').on(table.revision).where(sql`invalidated is null`),
    index('revocations_xid').on(table.xid),
    // The record of a realm and of a username, newest first. Over hashes, so that the planner does not take it for
    // `revocations_owner`: a realm's record may be as long as the log, the revocations of its owners are few.
    index('revocations_by_realm').on(sql`hashtext(realm)`, table.revision),
    index('revocations_by_username').on(sql`hashtext(username)`, table.revision),
    index('revocations_owner').on(table.realm, table.username, table.bound).where(sql`selector = 'owner'`),
    index('revocations_client').on(table.clientId, table.bound).where(sql`client_id is not null`),
    index('revocations_everything').on(table.bound).where(sql`everything`),
    check(
      'revocations_shape',
      sql`case
        when selector = 'session' then pair_id is null and session_id is not null and bound is not null
        when selector = 'owner' then pair_id is null and bound is not null
          and num_nonnulls(coalesce(realm, username), client_id, nullif(everything, false)) = 1
        else pair_id is not null and bound is null
      end`,
    ),
  ],
)

/**
 * One row: the newest transaction whose revocation retention has deleted. A follower that has not seen it gets a gap in
 * its feed.
 */
export const forgottenRevocations = pgTable('forgotten_revocations', {
  isOnly: boolean('is_only').primaryKey().default(true),
  upTo: xid('up_to').notNull(),
})

export const clients = pgTable('clients', {
  id: text('id').primaryKey(),
  secretDigest: bytes('secret_digest').notNull(),
  scopes: text('scopes').array().notNull(),
  createdAt: instant('created_at').notNull(),
  /** Since when it may not authenticate. */
  disabledAt: instant('disabled_at'),
  /**
   * A revision: in sessions that began before it, the client's scopes are not valid, because a holder of an earlier secret
   * may have made them. Null: valid in all. (The column has an older name.)
   */
  scopesValidFrom: revisionColumn('standing_since'),
  /** The secret before the last planned rotation, and until when it is still accepted. Both null or both set. */
  previousSecretDigest: bytes('previous_secret_digest'),
  previousSecretUntil: instant('previous_secret_until'),
  /** The row stays as a tombstone, so that the id is never given to another client. */
  deletedAt: instant('deleted_at'),
})

/** Failed authentications of a minute, with `RATE_LIMIT_STORE=database`. Unlogged: a flood of them writes no log. */
export const failedAuthentications = pgTable('failed_authentications', {
  key: bytes('key').primaryKey(),
  failures: bigint('failures', { mode: 'number' }).notNull(),
  endsAt: instant('ends_at').notNull(),
})

/** One row: which physical database this is. It shows a restored or copied database: see engine/identity.ts. */
export const databaseIdentity = pgTable('database_identity', {
  isOnly: boolean('is_only').primaryKey().default(true),
  systemIdentifier: text('system_identifier').notNull(),
  databaseOid: bigint('database_oid', { mode: 'number' }).notNull(),
  timeline: bigint('timeline', { mode: 'number' }).notNull(),
  /**
   * When this history began: at the first opening, or when an operator last said that the database was restored. Part of
   * the epoch in cursors. Not a count of restores: a backup restored twice would have the same count twice.
   */
  epochBeganAt: instant('epoch_began_at').notNull().default(sql`clock_timestamp()`),
  writtenBy: xid('written_by').notNull().default(sql`pg_current_xact_id()`),
})

/**
 * Every pair with the answer to "is this half invalid?": the rule.
 *
 * A half is invalid when it has its own revocation, or when a revocation of its session, owner, client or of everything
 * covers it: the names match, the bound is above the pair's *session* id, and the session is not the one spared. The
 * login's revision decides, not the pair's, so no refresh escapes a revocation that ran at the same time.
 *
 * Restated for speed in count.ts, session-candidates.ts and sessions.ts, and in tokens/coverage.ts for code without a
 * database. `test/engines/rule.test.ts` compares them.
 *
 * `*_ended` answers for the counts: a pair that had no live half when it was covered was not ended by that revocation
 * and not counted in it, so its halves still count as new when they are named one by one.
 */
export const tokenPairStates = pgView('token_pair_states', {
  id: revisionColumn('id').notNull(),
  sessionId: revisionColumn('session_id').notNull(),
  issuedAt: instant('issued_at').notNull(),
  accessExpiresAt: instant('access_expires_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  slot: smallint('slot').notNull(),
  hasRefresh: boolean('has_refresh').notNull(),
  realm: text('realm').notNull(),
  username: text('username').notNull(),
  clientId: text('client_id').notNull(),
  scopes: text('scopes').notNull(),
  accessDigest: bytes('access_digest').notNull(),
  refreshDigest: bytes('refresh_digest'),
  sessionStartedAt: instant('session_started_at'),
  deviceLabel: text('device_label'),
  userAgent: text('user_agent'),
  ipAddress: text('ip_address'),
  startedAt: instant('started_at').notNull(),
  coveredBy: revisionColumn('covered_by'),
  accessInvalidated: boolean('access_invalidated').notNull(),
  refreshInvalidated: boolean('refresh_invalidated').notNull(),
  accessEnded: boolean('access_ended').notNull(),
  refreshEnded: boolean('refresh_ended').notNull(),
  successorSlot: smallint('successor_slot'),
  successorId: revisionColumn('successor_id'),
  salt: bytes('salt'),
  spentAt: instant('spent_at'),
}).as(sql`
  select
    pair.*,
    coalesce(pair.session_started_at, pair.issued_at) as started_at,
    cover.revision as covered_by,
    access.revision is not null or cover.revision is not null as access_invalidated,
    refresh.revision is not null or cover.revision is not null as refresh_invalidated,
    access.revision is not null or coalesce(cover.was_live, false) as access_ended,
    refresh.revision is not null or coalesce(cover.was_live, false) as refresh_ended,
    spent.successor_slot, spent.successor_id, spent.salt, spent.spent_at
  from token_pairs pair
  left join revocations access on access.pair_id = pair.id and access.selector = 'access_token'
  left join revocations refresh on refresh.pair_id = pair.id and refresh.selector = 'refresh_token'
  left join spent_refresh_tokens spent on spent.slot = pair.slot and spent.pair_id = pair.id
  left join lateral (
    select
      covering.revision,
      (pair.access_expires_at > covering.at and coalesce(access.revision > covering.revision, true))
        or (pair.has_refresh and pair.expires_at > covering.at and coalesce(refresh.revision > covering.revision, true))
        as was_live
    from (
      select revision, at, bound, spared_session_id from revocations
        where selector = 'session' and session_id = pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where selector = 'owner' and realm = pair.realm and username = pair.username and bound > pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where selector = 'owner' and realm = pair.realm and username is null and bound > pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where selector = 'owner' and realm is null and username = pair.username and bound > pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where client_id = pair.client_id and bound > pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where everything and bound > pair.session_id
    ) covering
    where covering.bound > pair.session_id and covering.spared_session_id is distinct from pair.session_id
    order by covering.revision
    limit 1
  ) cover on true`)
