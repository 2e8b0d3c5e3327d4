-- Written by drizzle-kit; "PARTITION BY LIST", the partitions of the retention ring and their unique indexes were
-- added by hand.
CREATE TYPE "public"."revocation_selector" AS ENUM('access_token', 'refresh_token', 'session', 'owner');--> statement-breakpoint
CREATE SEQUENCE "public"."revision" INCREMENT BY 1 MINVALUE 1 MAXVALUE 281474976710655 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "clients" (
	"id" text PRIMARY KEY NOT NULL,
	"secret_digest" "bytea" NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "revocations" (
	"revision" bigint PRIMARY KEY NOT NULL,
	"selector" "revocation_selector" NOT NULL,
	"pair_id" bigint,
	"session_id" bigint,
	"realm" text,
	"username" text,
	"bound" bigint,
	"spared_session_id" bigint,
	"at" timestamp with time zone NOT NULL,
	"caller" text NOT NULL,
	"invalidated" bigint,
	"previously_invalidated" bigint,
	CONSTRAINT "revocations_shape" CHECK (case
        when selector = 'session' then pair_id is null and session_id is not null and bound is not null
        when selector = 'owner' then pair_id is null and coalesce(realm, username) is not null and bound is not null
        else pair_id is not null and bound is null
      end)
);
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens" (
	"slot" smallint NOT NULL,
	"pair_id" bigint NOT NULL,
	"successor_id" bigint NOT NULL,
	"successor_slot" smallint NOT NULL,
	"salt" "bytea" NOT NULL,
	"spent_at" timestamp with time zone NOT NULL,
	CONSTRAINT "spent_refresh_tokens_slot_pair_id_pk" PRIMARY KEY("slot","pair_id")
) PARTITION BY LIST ("slot");
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens_0" PARTITION OF "spent_refresh_tokens" FOR VALUES IN (0);
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens_1" PARTITION OF "spent_refresh_tokens" FOR VALUES IN (1);
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens_2" PARTITION OF "spent_refresh_tokens" FOR VALUES IN (2);
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens_3" PARTITION OF "spent_refresh_tokens" FOR VALUES IN (3);
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens_4" PARTITION OF "spent_refresh_tokens" FOR VALUES IN (4);
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens_5" PARTITION OF "spent_refresh_tokens" FOR VALUES IN (5);
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens_6" PARTITION OF "spent_refresh_tokens" FOR VALUES IN (6);
--> statement-breakpoint
CREATE TABLE "spent_refresh_tokens_7" PARTITION OF "spent_refresh_tokens" FOR VALUES IN (7);
--> statement-breakpoint
CREATE TABLE "token_pairs" (
	"id" bigint NOT NULL,
	"session_id" bigint NOT NULL,
	"issued_at" timestamp with time zone NOT NULL,
	"access_expires_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"slot" smallint NOT NULL,
	"has_refresh" boolean GENERATED ALWAYS AS (refresh_digest is not null) STORED NOT NULL,
	"realm" text NOT NULL,
	"username" text NOT NULL,
	"client_id" text NOT NULL,
	"scopes" text NOT NULL,
	"access_digest" "bytea" NOT NULL,
	"refresh_digest" "bytea",
	CONSTRAINT "token_pairs_expiry" CHECK (access_expires_at <= expires_at)
) PARTITION BY LIST ("slot");
--> statement-breakpoint
CREATE TABLE "token_pairs_0" PARTITION OF "token_pairs" FOR VALUES IN (0);
--> statement-breakpoint
CREATE UNIQUE INDEX "token_pairs_0_id" ON "token_pairs_0" ("id");
--> statement-breakpoint
CREATE TABLE "token_pairs_1" PARTITION OF "token_pairs" FOR VALUES IN (1);
--> statement-breakpoint
CREATE UNIQUE INDEX "token_pairs_1_id" ON "token_pairs_1" ("id");
--> statement-breakpoint
CREATE TABLE "token_pairs_2" PARTITION OF "token_pairs" FOR VALUES IN (2);
--> statement-breakpoint
CREATE UNIQUE INDEX "token_pairs_2_id" ON "token_pairs_2" ("id");
--> statement-breakpoint
CREATE TABLE "token_pairs_3" PARTITION OF "token_pairs" FOR VALUES IN (3);
--> statement-breakpoint
CREATE UNIQUE INDEX "token_pairs_3_id" ON "token_pairs_3" ("id");
--> statement-breakpoint
CREATE TABLE "token_pairs_4" PARTITION OF "token_pairs" FOR VALUES IN (4);
--> statement-breakpoint
CREATE UNIQUE INDEX "token_pairs_4_id" ON "token_pairs_4" ("id");
--> statement-breakpoint
CREATE TABLE "token_pairs_5" PARTITION OF "token_pairs" FOR VALUES IN (5);
--> statement-breakpoint
CREATE UNIQUE INDEX "token_pairs_5_id" ON "token_pairs_5" ("id");
--> statement-breakpoint
CREATE TABLE "token_pairs_6" PARTITION OF "token_pairs" FOR VALUES IN (6);
--> statement-breakpoint
CREATE UNIQUE INDEX "token_pairs_6_id" ON "token_pairs_6" ("id");
--> statement-breakpoint
CREATE TABLE "token_pairs_7" PARTITION OF "token_pairs" FOR VALUES IN (7);
--> statement-breakpoint
CREATE UNIQUE INDEX "token_pairs_7_id" ON "token_pairs_7" ("id");
--> statement-breakpoint
CREATE UNIQUE INDEX "revocations_half" ON "revocations" USING btree ("pair_id","selector") WHERE pair_id is not null;--> statement-breakpoint
CREATE INDEX "revocations_session" ON "revocations" USING btree ("session_id") WHERE selector = 'session';--> statement-breakpoint
CREATE INDEX "revocations_owner" ON "revocations" USING btree ("realm","username","bound") WHERE selector = 'owner';--> statement-breakpoint
CREATE INDEX "token_pairs_owner" ON "token_pairs" USING btree ("username","realm");--> statement-breakpoint
CREATE INDEX "token_pairs_realm" ON "token_pairs" USING btree ("realm","has_refresh","expires_at","id");--> statement-breakpoint
CREATE VIEW "public"."token_pair_states" AS (
  select
    pair.*,
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
  ) cover on true);