-- Written by drizzle-kit; by hand: the function that answers rows of the view goes before the view and comes back
-- after it, and what is new in old rows is filled in.
drop function locked_pair_states(smallint[], bigint[]);
--> statement-breakpoint
CREATE TABLE "forgotten_revocations" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"up_to" "xid8" NOT NULL
);
--> statement-breakpoint
DROP VIEW "public"."token_pair_states";
--> statement-breakpoint
DROP INDEX "token_pairs_owner";
--> statement-breakpoint
DROP INDEX "token_pairs_realm";
--> statement-breakpoint
ALTER TABLE "revocations" ADD COLUMN "reason" text;
--> statement-breakpoint
ALTER TABLE "revocations" ADD COLUMN "comment" text;
--> statement-breakpoint
ALTER TABLE "revocations" ADD COLUMN "xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL;
--> statement-breakpoint
ALTER TABLE "token_pairs" ADD COLUMN "session_started_at" timestamp with time zone;
--> statement-breakpoint
update token_pairs pair set session_started_at = coalesce(
  (select first.issued_at from token_pairs first where first.id = pair.session_id), pair.issued_at)
where id <> session_id;
--> statement-breakpoint
-- A digest has 16 bytes from here on, the first of those it had: tokens that are out remain good.
update token_pairs set access_digest = substr(access_digest, 1, 16), refresh_digest = substr(refresh_digest, 1, 16);
--> statement-breakpoint
ALTER TABLE "token_pairs" ADD COLUMN "device_label" text;
--> statement-breakpoint
ALTER TABLE "token_pairs" ADD COLUMN "user_agent" text;
--> statement-breakpoint
ALTER TABLE "token_pairs" ADD COLUMN "ip_address" text;
--> statement-breakpoint
CREATE INDEX "revocations_xid" ON "revocations" USING btree ("xid");
--> statement-breakpoint
CREATE INDEX "revocations_by_realm" ON "revocations" USING btree ("realm","revision");
--> statement-breakpoint
CREATE INDEX "revocations_by_username" ON "revocations" USING btree (hashtext(username),"revision");
--> statement-breakpoint
CREATE INDEX "token_pairs_username" ON "token_pairs" USING btree (hashtext(username));
--> statement-breakpoint
CREATE INDEX "token_pairs_refreshed" ON "token_pairs" USING btree ("session_id") WHERE id <> session_id;
--> statement-breakpoint
CREATE INDEX "token_pairs_realm" ON "token_pairs" USING btree ("realm","session_id","has_refresh","expires_at");
--> statement-breakpoint
CREATE VIEW "public"."token_pair_states" AS (
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
  ) cover on true);
--> statement-breakpoint
update revocations revocation set session_id = pair.session_id, realm = pair.realm, username = pair.username
from token_pairs pair
where revocation.pair_id = pair.id;
--> statement-breakpoint
update revocations revocation set realm = pair.realm, username = pair.username
from token_pairs pair
where revocation.selector = 'session' and revocation.session_id = pair.session_id;
--> statement-breakpoint
-- The pairs named, as they are once their locks are held. plpgsql, because each of its statements takes a new
-- snapshot: what was committed while this one waited for a lock is seen. A plain statement would see the past.
create function locked_pair_states(slots smallint[], ids bigint[]) returns setof token_pair_states
language plpgsql as $$
begin
  perform lock_names_shared(array_agg(pair.realm), array_agg(pair.username))
    from unnest(slots, ids) named (slot, id) join token_pairs pair using (slot, id);
  return query
    select state.* from (select distinct slot, id from unnest(slots, ids) named (slot, id)) named
      join token_pair_states state using (slot, id);
end $$;
