import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  pgEnum,
  pgSequence,
  pgTable,
  pgView,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core'

/**
 * The ground: append-only tables, one sequence, one view that holds the rule.
 *
 * A token row is written once and never changed. To invalidate is to append a row to `revocations`; that a refresh
 * token was spent is a row of `spent_refresh_tokens`. Whoever asks whether a half is invalid asks the view
 * `token_pair_states`: the rule stands there and nowhere else in SQL.
 */

const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' })

/** A transaction's number, 64 bits: compared by Postgres, never calculated with here. */
const xid = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' })

/** Ids and revisions stay below 2^48 (they have 6 bytes in a token), so a JavaScript number holds each exactly. */
const revisionColumn = (name: string) => bigint(name, { mode: 'number' })
const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/**
 * The one order that decides "before" and "after", shared by pairs and revocations.
 * Its cache must stay 1: a cached block would hand out old numbers after newer ones.
 */
export const revision = pgSequence('revision', {
  startWith: 1,
  increment: 1,
  minValue: 1,
  maxValue: 281_474_976_710_655,
  cache: 1,
})

/**
 * One row for each issue and each refresh. Partitioned by list of `slot`, the retention ring (the migration adds it:
 * drizzle-kit has no word for partitions), so that expired rows leave by truncating a partition.
 *
 * There is no index on the digests: a token carries its pair's slot and id, so a pair is found by them. Each partition
 * has a unique index on the id alone (in the migration as well): a primary key would have to repeat the slot, for 9
 * bytes more a pair. Columns stand in the order that wastes no padding, 8 bytes wide first.
 */
export const tokenPairs = pgTable(
  'token_pairs',
  {
    id: revisionColumn('id').notNull(),
    /** The id of the first pair of the login. */
    sessionId: revisionColumn('session_id').notNull(),
    issuedAt: instant('issued_at').notNull(),
    accessExpiresAt: instant('access_expires_at').notNull(),
    /** When the pair is past use: its refresh token's expiry, or its access token's if it has none other. */
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
    /** When the login was made: its first pair may be long gone. Null in the first pair itself. */
    sessionStartedAt: instant('session_started_at'),
    /** What the login service said of the device. */
    deviceLabel: text('device_label'),
    userAgent: text('user_agent'),
    ipAddress: text('ip_address'),
  },
  (table) => [
    // Over hashes, because names come in no order: with half of each page empty, their width counts twice. Two of them
    // are as wide as one, and tell the `admin` of one realm from those of all others.
    index('token_pairs_username').on(sql`hashtext(username)`, sql`hashtext(realm)`),
    // A realm's sessions in order; and all that counting them needs, so that it reads the index alone.
    index('token_pairs_realm').on(table.realm, table.sessionId, table.hasRefresh, table.expiresAt),
    // A session's first pair is found by its id, the others by this.
    index('token_pairs_refreshed').on(table.sessionId).where(sql`id <> session_id`),
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
    /** With the spent token (which we do not keep) it re-derives the successor; alone it is worth nothing. */
    salt: bytes('salt').notNull(),
    spentAt: instant('spent_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.slot, table.pairId] })],
)

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
    /** Whom it covers; for a session or a token, whose it was. Only an owner's selector leaves one of them out. */
    realm: text('realm'),
    username: text('username'),
    /** Sessions with an id below it are covered; only for a session or an owner. */
    bound: revisionColumn('bound'),
    sparedSessionId: revisionColumn('spared_session_id'),
    at: instant('at').notNull(),
    caller: text('caller').notNull(),
    /** Both null until the counting that follows an owner's or session's revocation is done. */
    invalidated: bigint('invalidated', { mode: 'number' }),
    previouslyInvalidated: bigint('previously_invalidated', { mode: 'number' }),
    reason: text('reason'),
    comment: text('comment'),
    /** The transaction that appended it: what a follower of the log has seen is a snapshot, never a revision. */
    xid: xid('xid').notNull().default(sql`pg_current_xact_id()`),
  },
  (table) => [
    // "Newly" or "previously" is decided by this constraint: of any number of callers one inserts.
    uniqueIndex('revocations_half').on(table.pairId, table.selector).where(sql`pair_id is not null`),
    index('revocations_session').on(table.sessionId).where(sql`selector = 'session'`),
    // Those whose counting is not done: a handful, looked for each minute in a log of any length.
    index('revocations_uncounted').on(table.revision).where(sql`invalidated is null`),
    index('revocations_xid').on(table.xid),
    // The record, newest first: of a realm, and of a name. Over hashes, so that it is not taken for the next one: a
    // realm's record is as long as the log, its owners' revocations are few.
    index('revocations_by_realm').on(sql`hashtext(realm)`, table.revision),
    index('revocations_by_username').on(sql`hashtext(username)`, table.revision),
    index('revocations_owner').on(table.realm, table.username, table.bound).where(sql`selector = 'owner'`),
    check(
      'revocations_shape',
      sql`case
        when selector = 'session' then pair_id is null and session_id is not null and bound is not null
        when selector = 'owner' then pair_id is null and coalesce(realm, username) is not null and bound is not null
        else pair_id is not null and bound is null
      end`,
    ),
  ],
)

/**
 * One row: the newest transaction whose revocation has been forgotten, so that a follower of the log who has not seen it
 * is told that something is missing.
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
  /** From then on nobody finds it; its row stays, so that its id is not taken for a new one's. */
  disabledAt: instant('disabled_at'),
  /** A revision: of sessions that began before it, the client's scopes do not stand. Null: of none. */
  scopesValidFrom: revisionColumn('standing_since'),
})

/**
 * Every pair with the answer to "is this half invalid?".
 *
 * A half is invalid when it has its own revocation, or a session's or owner's revocation covers it: the scope matches,
 * the bound is above the pair's *session* id, and the session is not the one spared. The login's revision decides,
 * not the pair's, so no refresh escapes a revocation that ran beside it.
 *
 * `*_ended` is the same for the account: a pair that had no live half when it was covered was not ended by that
 * revocation (nor counted in it), so its halves still count as new when they are named one by one.
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
    ) covering
    where covering.bound > pair.session_id and covering.spared_session_id is distinct from pair.session_id
    order by covering.revision
    limit 1
  ) cover on true`)
